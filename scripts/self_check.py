"""Write bayesnu/studies/self_check.toml: the numbers that `bayesnu doctor` wants to see. Run with the package's own Python.

Run it after a change that is meant to change them, and say so in the change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tomli_w

from bayesnu.studies import self_check

TABLE = Path(__file__).resolve().parent.parent / "bayesnu" / "studies" / "self_check.toml"
HEAD = """\
# Reference values of `bayesnu doctor`, written by scripts/self_check.py: log-posteriors at the points of self_check.py,
# ends of 90 % profile intervals, and 90 % credible limits with their Monte-Carlo error, in units of the property's scale.

"""

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    TABLE.write_text(HEAD + tomli_w.dumps(self_check.computed()), encoding="utf-8")
    print(f"wrote {TABLE}")
