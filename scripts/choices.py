"""Write docs/choices.md: every choice of an analysis, from the place that `--help` takes it from."""

from __future__ import annotations

import argparse
from pathlib import Path

from bayesnu.model.choices import CHOICES, JOIN, PRESETS, Choice

PAGE = Path(__file__).resolve().parent.parent / "docs" / "choices.md"
HEAD = """# The choices of an analysis

Written by `python scripts/choices.py`. Each choice is a flag of the commands and an argument of `bayesnu.preset`.
[methods.md](methods.md) says why the presets differ, [walk.md](walk.md) how much each choice changes a limit.
"""


def allowed_values(choice: Choice) -> str:
    """What a choice allows, in words."""
    if choice.several:
        return f"`{choice.default}`, or some of {', '.join(f'`{word}`' for word in choice.words)}, joined by `{JOIN}`"
    if choice.words:
        return ", ".join(f"`{word}`" for word in choice.words)
    if choice.range is not None:
        low, high = choice.range
        return f"{low:g} to {high:g}"
    return "`true`, `false`" if isinstance(choice.default, bool) else "a reading of the files"


def shown(value: object) -> str:
    """A value as a user writes it."""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def page() -> str:
    """The page: a row for each choice; the other presets are named where they differ."""
    others = [name for name in PRESETS if name != "default"]
    lines = [f"| choice | what it does and changes | allowed | default | {' | '.join(others)} |"]
    lines.append("|---" * (4 + len(others)) + "|")
    for name, choice in CHOICES.items():
        default = getattr(PRESETS["default"], name)
        values = [getattr(PRESETS[other], name) for other in others]
        differing = [shown(value) if value != default else "" for value in values]
        cells = [f"`{name}`", choice.help, allowed_values(choice), shown(default), *differing]
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
