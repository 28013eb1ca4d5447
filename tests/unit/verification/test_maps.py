"""The map of features is computed again within a tolerance, and tables that are not are named."""

from pathlib import Path

import numpy as np
import pytest

from sixgig.plan.plan import Plan
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.statistics.feature_map import map_features
from sixgig.tables.feature_map import FEATURE_MAP
from sixgig.tables.features import write_features
from sixgig.verification import agreement, maps
from sixgig.verification.findings import ERROR, NOTE, OK
from sixgig.verification.recomputed import Recomputed
from tests.unit.verification.conftest import COHORT

ARMS = ("baseline_cnn", "vit_pure")


@pytest.fixture
def mapped(finished: Path) -> Path:
    subjects = sorted(Study(finished).splits(COHORT)["subject_id"].unique())
    files = {}
    for place, arm in enumerate(ARMS):
        values = np.random.default_rng(place).normal(size=(len(subjects), 6)).astype(np.float32)
        files[COHORT, arm] = finished / "features" / COHORT / f"{arm}.npz"
        write_features(files[COHORT, arm], values, np.array(subjects, dtype=str))
    FEATURE_MAP.write(
        map_features(files, {COHORT: finished / "cohorts" / COHORT}), finished / "statistics/feature_map.csv"
    )
    return finished


def changed(folder: Path, factor: float) -> None:
    table = FEATURE_MAP.read(folder / "statistics/feature_map.csv")
    table.loc[table.index[-1], "x"] *= factor
    FEATURE_MAP.write(table, folder / "statistics/feature_map.csv")


def test_a_map_that_follows_from_the_features_does_so_within_a_tolerance(mapped: Path) -> None:
    (finding,) = maps.check_feature_map(Study(mapped))
    assert (finding.level, finding.place) == (OK, "statistics/feature_map.csv")
    changed(mapped, 1 + 1e-8)
    assert [found.level for found in maps.check_feature_map(Study(mapped))] == [OK]


def test_a_place_that_was_changed_is_named(mapped: Path) -> None:
    info = read_json(mapped / "study.json")
    write_json(mapped / "study.json", info | {"versions": maps.study_versions()})
    changed(mapped, 1.01)
    (finding,) = maps.check_feature_map(Study(mapped))
    assert finding.level == ERROR
    assert f"of vit_pure on {COHORT} is " in finding.text
    write_json(mapped / "study.json", info | {"versions": {**maps.study_versions(), "scikit-learn": "0.1"}})
    (finding,) = maps.check_feature_map(Study(mapped))
    assert finding.level == NOTE
    assert "scikit-learn 0.1 then" in finding.text


def test_without_features_the_map_is_named_as_not_computed_again(mapped: Path) -> None:
    (mapped / "features" / COHORT / "vit_pure.npz").unlink()
    (finding,) = maps.check_feature_map(Study(mapped))
    assert finding.level == NOTE
    assert "features/brats_phantom/vit_pure.npz is not there" in finding.text


def test_every_table_under_statistics_is_computed_again_or_named(mapped: Path, monkeypatch) -> None:
    study = Study(mapped)
    again = {name for name, *_ in Recomputed(study, 1).tables()} | {maps.NAME}
    written = {Path(file).relative_to(f"results/{study.name}").as_posix() for file in
               Plan(study.config, look=False).targets("statistics")}  # fmt: skip
    assert written == again
    (mapped / "statistics/notes.csv").write_text("a\n1\n")
    monkeypatch.setattr(Recomputed, "tables", lambda _: iter(()))
    found = {finding.place: finding.text for finding in agreement.check_tables(study, 1)}
    assert found["statistics/notes.csv"] == "statistics/notes.csv is not computed again"
    assert set(found) == {f"statistics/{path.name}" for path in (mapped / "statistics").glob("*.csv")}
