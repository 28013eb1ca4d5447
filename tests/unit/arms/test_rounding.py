"""bfloat16 on a CPU: proved on the study's own images, written down, and refused where features change too much."""

import numpy as np
import pytest

from sixgig.arms.rounding import LIMIT, InMemory, prove_rounding
from sixgig.errors import ArmError
from sixgig.gpu import device
from tests.unit.arms.test_arms import job, run, weights  # noqa: F401 (a fixture)

EXACT = np.arange(400, dtype=np.float32).reshape(100, 4) + 1


def encoding(change, asked):
    def encode(rows, dtype, kept):
        asked.append((dtype, rows.tolist()))
        kept.put(0, len(rows), EXACT[rows] if dtype == "float32" else change(EXACT[rows]))
        return kept.array()

    return encode


def test_errors_are_of_rows_spread_over_the_cohort():
    asked = []
    found = prove_rounding("arms.x.precision", encoding(lambda exact: exact * 1.01, asked), 100, "volumes", "bfloat16")
    assert asked == [("float32", [0, 99]), ("bfloat16", [0, 99])]
    assert (found["compared"], found["unit"], found["limit"]) == (2, "volumes", LIMIT)
    assert found["relative_error"] == pytest.approx(0.01, rel=1e-5)
    # Less their mean, the two rows are -198 and +198 in every column.
    two = EXACT[[0, 99]]
    assert found["relative_error_centred"] == pytest.approx(0.01 * np.linalg.norm(two) / (198 * 8**0.5), rel=1e-5)


@pytest.mark.parametrize("change", [lambda exact: exact * (1 + 1.1 * LIMIT), lambda exact: exact * np.nan])
def test_features_that_change_too_much_are_refused(change):
    with pytest.raises(
        ArmError, match=r"arms\.x\.precision(.|\n)*is bfloat16(.|\n)*differ by (3\.30|nan)%(.|\n)*float32"
    ):
        prove_rounding("arms.x.precision", encoding(change, []), 100, "images", "bfloat16")


def test_an_arm_in_bfloat16_writes_down_how_far_its_features_are_off(cohort, tmp_path, weights, monkeypatch):  # noqa: F811
    monkeypatch.setattr(device, "require_bfloat16", lambda place: None)
    exact, _, plain = run(job(cohort, "vit_pure", weights["vit"]), tmp_path)
    (tmp_path / "half").mkdir()
    half, _, sidecar = run(
        job(cohort, "vit_pure", weights["vit"], options={"precision": "bfloat16"}), tmp_path / "half"
    )
    assert (plain["dtype"], sidecar["dtype"], sidecar["status"]) == ("float32", "bfloat16", "ok")
    assert "rounding" not in plain
    proof = sidecar["rounding"]
    assert 1e-4 < proof["relative_error"] < LIMIT
    assert proof["relative_error_centred"] > proof["relative_error"]
    apart = np.linalg.norm(half - exact) / np.linalg.norm(exact)
    assert 0 < apart < LIMIT


def test_kept_in_memory():
    kept = InMemory()
    kept.put(0, 1, EXACT[:1])
    kept.put(1, 3, EXACT[1:3])
    assert kept.done == 3
    assert (kept.array() == EXACT[:3]).all()
