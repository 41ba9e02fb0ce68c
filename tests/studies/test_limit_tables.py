"""Tables of limits for papers: the numbers of the result, citations that the bibliography has, HEPData's own reader."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import bayesnu
from bayesnu.runs.result import RunResult
from bayesnu.studies import bibliography
from bayesnu.support.errors import BayesnuError


@cache
def result() -> RunResult:
    few = {"steps": 12, "ensembles": 2, "walkers": 16}
    model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
    return bayesnu.sample(model, sampling=few, progress=False).result


def converged() -> RunResult:
    return replace(result(), verdict=replace(result().verdict, missing=()))


def test_a_data_frame_has_every_row_in_the_unit_that_it_names() -> None:
    table = bayesnu.interval_table(result())
    assert len(table) == len(result().rows)
    for (_, found), row in zip(table.iterrows(), result().rows, strict=True):
        assert found["upper"] * found["scale"] == pytest.approx(row.interval.upper, rel=1e-12)
        assert (found["unit"], found["probability"]) == ("mu_B", row.interval.probability)
    sampled = table[table.method == "credible"]
    assert table.lower.isna().all()  # a modulus has no lower end
    assert not sampled.converged.any() and np.all(sampled.error_upper > 0)


def test_citations_of_the_table_are_keys_of_the_bibliography() -> None:
    text = bayesnu.latex_table(result())
    assert text.startswith("% NOT CONVERGED: ")
    cited = {key for keys in re.findall(r"\\cite\{(.+?)\}", text) for key in keys.split(",")}
    assert cited and cited <= {*bibliography.entries()}
    assert text.count("&") == 4 * (len(result().rows) + 1)
    assert "NOT CONVERGED" not in bayesnu.latex_table(converged())
    comments = [line.removeprefix("% ") for line in text.splitlines() if line.startswith("%")]
    assert comments[1:] == [*result().notes] and comments[1:]


def test_what_is_no_result_or_not_converged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match=r"^result: found 'x'; must come from `sample`"):
        bayesnu.interval_table("x")  # type: ignore[arg-type]
    with pytest.raises(BayesnuError, match=r"^hepdata: the chain has not converged"):
        bayesnu.write_hepdata(result(), tmp_path / "submission")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")  # of its validator
def test_hepdata_s_own_validator_accepts_the_submission(tmp_path: Path) -> None:
    pytest.importorskip("hepdata_lib")
    yaml = pytest.importorskip("yaml")
    from hepdata_validator.full_submission_validator import FullSubmissionValidator

    bayesnu.write_hepdata(converged(), tmp_path / "submission")
    validator = FullSubmissionValidator()
    assert validator.validate(directory=str(tmp_path / "submission")), validator.get_messages()
    table = yaml.safe_load((tmp_path / "submission" / "limits_on_mu_nu.yaml").read_text())
    upper = table["dependent_variables"][1]["values"][0]
    row = result().rows[0]
    assert row.interval.upper is not None and row.interval.mcse_upper is not None
    assert upper["value"] == pytest.approx(row.interval.upper * 1e11, rel=1e-3)
    assert upper["errors"][0]["symerror"] == pytest.approx(row.interval.mcse_upper * 1e11, rel=1e-2)
