"""Features from the user's own files: joined by id, and refused where they do not fit."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from sixgig.arms.features import work
from sixgig.arms.features.arm import OwnFeatures
from sixgig.arms.features.columns import choose, leaks
from sixgig.arms.plain import compute_cohort
from sixgig.arms.plain_job import PlainJob
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.errors import ConfigError
from sixgig.runtime.digests import file_sha256
from sixgig.tables.cohorts import MANIFEST
from sixgig.tables.features import read_features

SUBJECTS = ("007", "010", "P3", "P4")
LABELS = ("x", "y", "x", "y")
VALUES = np.array([[1.5, 2.0], [-3.0, 4.25], [5.0, 6.0], [7.0, 8.0]])


@pytest.fixture
def cohort(tmp_path):
    """Four subjects with two images each."""
    n = 8
    table = {
        "image_id": [f"{SUBJECTS[row // 2]}_{row % 2}" for row in range(n)],
        "subject_id": [SUBJECTS[row // 2] for row in range(n)],
        "label": [LABELS[row // 2] for row in range(n)],
    }
    empty = dict.fromkeys(("volume_id", "frame", "slice", "partition"))
    MANIFEST.write(pd.DataFrame(table | empty | {"source": "f"}), tmp_path / "manifest.csv")
    return tmp_path


def frame(ids=SUBJECTS, column="subject_id", values=VALUES, **more):
    return pd.DataFrame({column: list(ids), "a": values[:, 0], "b": values[:, 1]} | more)


def options(path, entry=None, **changes):
    given = {"path": str(path), "of": "subject"} | (entry or {})
    base = {"files": {"c": given}, "produced_by": "tool 1.0", "learned_from": "", "extra": "tell", "pooling": "mean"}
    return base | changes


def run(folder, path, entry=None, key_table=None, labels_of="subject", **changes):
    job = PlainJob(
        cohort="c", arm="mine", options=options(path, entry, **changes), images=folder / "none.npy", files=(path,),
        manifest=folder / "manifest.csv", key_table=key_table, labels_of=labels_of,
    )  # fmt: skip
    compute_cohort("features", job, folder / "f.npz", folder / "f.images.npy")
    sidecar = json.loads((folder / "f.json").read_text())
    return *read_features(folder / "f.npz"), sidecar


def save(table, path):
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".npz":
        names = [name for name in table.columns if name not in ("subject_id", "image_id")]
        ids = {name: table[name].to_numpy(dtype=str) for name in table.columns if name not in names}
        np.savez(path, features=table[names].to_numpy(), columns=np.array(names), **ids)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def failed(folder, table, name="t.csv", entry=None, **changes):
    """What the sidecar says of a table that cannot be used."""
    path = table if not isinstance(table, pd.DataFrame) else save(table, folder / name)
    features, _, sidecar = run(folder, path, entry, **changes)
    assert len(features) == 0
    assert sidecar["status"].startswith("failed: ")
    return sidecar["status"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
def test_rows_are_joined_by_id_in_the_cohorts_order(cohort, suffix):
    order = [2, 0, 3, 1]
    path = save(frame([SUBJECTS[row] for row in order], values=VALUES[order]), cohort / f"t{suffix}")
    features, subjects, sidecar = run(cohort, path)
    assert subjects.tolist() == list(SUBJECTS)
    np.testing.assert_array_equal(features, VALUES.astype(np.float32))
    assert (sidecar["status"], sidecar["n_features"], sidecar["n_subjects"], sidecar["arm"]) == ("ok", 2, 4, "mine")
    facts = sidecar["own_features"]
    assert (facts["file"], facts["sha256"]) == (path.name, file_sha256(path))
    assert (facts["first_columns"], facts["produced_by"], facts["extra_rows"]) == (["a", "b"], "tool 1.0", 0)
    assert str(cohort) not in json.dumps(sidecar)
    assert np.load(cohort / "f.images.npy").shape == (0, 0)


def test_features_of_images_are_pooled_and_kept_for_other_arms(cohort):
    ids = [f"{name}_{number}" for name in SUBJECTS for number in range(2)]
    values = np.arange(16.0).reshape(8, 2)
    path = save(frame(ids[::-1], "image_id", values[::-1]), cohort / "t.csv")
    features, subjects, _ = run(cohort, path, {"of": "image"})
    np.testing.assert_array_equal(np.load(cohort / "f.images.npy"), values)
    np.testing.assert_array_equal(features, values.reshape(4, 2, 2).mean(axis=1))
    assert subjects.tolist() == list(SUBJECTS)
    features, names, _ = run(cohort, path, {"of": "image"}, labels_of="image")
    assert names.tolist() == ids
    np.testing.assert_array_equal(features, values)


def test_what_sixgig_wrote_can_be_read(cohort):
    np.savez(cohort / "own.npz", features=VALUES.astype(np.float32), subject_id=np.array(SUBJECTS))
    features, _, sidecar = run(cohort, cohort / "own.npz")
    np.testing.assert_array_equal(features, VALUES.astype(np.float32))
    assert sidecar["own_features"]["first_columns"] == ["feature_0", "feature_1"]


def test_subjects_without_a_row_are_named(cohort):
    said = failed(cohort, frame(["007", "Q1", "Q2", "P4"]))
    assert "t.csv: has no row for 2 of 4 subjects of the cohort: 010, P3" in said
    assert "It has rows for 2 others, such as Q1, Q2" in said


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (["7", "010", "P3", "P4"], "'007' is '7' there: they differ by leading zeros"),
        (["007.nii.gz", "010", "P3", "P4"], "'007' is '007.nii.gz' there: one is the name of a file"),
        (["007", "010", "p3", "P4"], "'P3' is 'p3' there: they differ by case"),
    ],
)
def test_ids_that_are_written_in_another_way_are_named_and_not_guessed(cohort, ids, why):
    said = failed(cohort, frame(ids))
    assert "has no row for 1 of 4 subjects" in said
    assert why in said


def test_spaces_around_ids_of_a_parquet_file_are_named(cohort):
    said = failed(cohort, frame(["007", "010", "P3 ", "P4"]), "t.parquet")
    assert "'P3' is 'P3 ' there: they differ by spaces" in said


def test_ids_that_became_numbers_in_a_parquet_file_are_named(cohort):
    table = pd.DataFrame({"subject_id": [7, 10], "a": [1.0, 2.0]})
    assert "'007' is '7' there: they differ by leading zeros" in failed(cohort, table, "t.parquet")


def test_an_id_in_two_rows_is_refused(cohort):
    said = failed(cohort, frame([*SUBJECTS, "P3"], values=np.ones((5, 2))))
    assert "has the id P3 twice, in row 4 and in row 6" in said


def test_rows_of_nobody_are_counted_or_refused(cohort):
    table = frame([*SUBJECTS, "Q9"], values=np.vstack([VALUES, [[0, 0]]]))
    path = save(table, cohort / "t.csv")
    features, _, sidecar = run(cohort, path)
    assert (len(features), sidecar["own_features"]["extra_rows"], sidecar["own_features"]["rows"]) == (4, 1, 5)
    assert "1 of its 5 rows are of no subject of the cohort, the first is row 6" in failed(cohort, path, extra="refuse")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("", r"row 3, column b is missing or not a number \(NaN\); 1 such values in 1 columns \(b\)"),
        ("nan", r"row 3, column b is missing or not a number"),
        ("inf", r"row 3, column b is infinite"),
        ("1e39", r"row 3, column b is 1e\+39, too large for float32"),
        ("abc", r"holds text where numbers belong: 'abc' in row 3, column b; 1 cells in 1 columns \(b\)"),
    ],
)
def test_cells_that_are_no_finite_numbers_are_named(cohort, cell, said):
    lines = ["subject_id,a,b", "007,1,2", f"010,3,{cell}", "P3,5,6", "P4,7,8"]
    (cohort / "t.csv").write_text("\n".join(lines))
    assert re.search(said, failed(cohort, cohort / "t.csv"))


def test_not_finite_values_of_other_files_are_named(cohort):
    values = VALUES.copy()
    values[1, 0] = np.nan
    assert "row 2, column a is missing" in failed(cohort, frame(values=values), "t.parquet")
    values[1, 0] = -np.inf
    assert "row 1, column a is infinite" in failed(cohort, frame(values=values), "t.npz")
    assert "the column t holds" in failed(cohort, frame(t=list("abcd")), "t.parquet")


def test_truth_values_and_numbers_of_any_kind_are_read_from_parquet(cohort):
    table = frame(flag=[True, False, True, True], count=np.array([3, 2**40, 5, 6]))
    features, _, _ = run(cohort, save(table, cohort / "t.parquet"))
    np.testing.assert_array_equal(features[:, 2:], np.array([[1, 3], [0, 2**40], [1, 5], [1, 6]], np.float32))
    table["flag"] = [True, None, True, True]
    assert "row 2, column flag is missing" in failed(cohort, table, "t.parquet")


def test_a_decimal_comma_is_recognised(cohort):
    (cohort / "t.csv").write_text("subject_id;a\n007;1,5\n010;2,5\nP3;1\nP4;2\n")
    assert "'1,5' in row 2, column a; 2 cells" in failed(cohort, cohort / "t.csv")


def test_constant_columns_and_columns_that_are_the_label_are_told(cohort, caplog):
    table = frame(same=3.0, code=[0, 1, 0, 1])
    _, _, sidecar = run(cohort, save(table, cohort / "t.csv"))
    facts = sidecar["own_features"]
    assert (facts["constant_columns"], facts["first_constant_columns"]) == (1, ["same"])
    assert facts["label_columns"] == ["code"]
    assert sidecar["status"] == "ok"
    assert "LABEL LEAK? the class says the value of code" in caplog.text


def test_a_column_that_follows_from_the_class_is_a_leak():
    labels = ["a", "b", "c", "a", None]
    values = np.array([[5, 1, 0, 1, 2], [7, 0, 0, 2, 2], [9, 0, 0, 3, 2], [5, 1, 0, 4, 2], [1, 8, 3, 5, 2]])
    names = ["one_to_one", "bit", "constant", "own", "same"]
    assert leaks(values, labels, names) == ["one_to_one", "bit"]
    assert leaks(values, [None] * 5, names) == []


def test_columns_are_chosen_by_name_and_pattern():
    header = ["orig_mean", "orig_max", "wavelet_mean", "label", "Unnamed: 0"]
    assert choose(header, ["orig_*"], "k") == ["orig_mean", "orig_max"]
    assert choose(header, ["label", "wavelet_mean"], "k") == ["wavelet_mean", "label"]
    for wanted, name in ((None, "label"), (["*"], "label"), (["orig*", "Unnamed*"], "Unnamed: 0")):
        with pytest.raises(ConfigError, match=f"column '{name}', which is called like .*\n.*orig_"):
            choose(header, wanted, "k")
    with pytest.raises(ConfigError, match="'orig_maxx' fits no column .*\n.*did you mean 'orig_max'"):
        choose(header, ["orig_maxx"], "k")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_missing_column_of_ids_is_named(cohort, suffix):
    said = failed(cohort, frame(column="image_id" if suffix == ".npz" else "subject"), f"t{suffix}")
    assert "lacks the column" in said
    assert "subject_id" in said


def test_damaged_files_are_named(cohort):
    (cohort / "t.npz").write_bytes(b"no archive")
    assert "t.npz: is no .npz file" in failed(cohort, cohort / "t.npz")
    np.savez(cohort / "u.npz", subject_id=np.array(SUBJECTS), features=np.zeros(3))
    assert "features are float64 [3] and subject_id [4]" in failed(cohort, cohort / "u.npz")
    np.savez(cohort / "v.npz", subject_id=np.array(SUBJECTS, dtype=object), features=VALUES)
    assert "holds Python objects" in failed(cohort, cohort / "v.npz")
    with (cohort / "x.npz").open("wb") as stream:
        np.save(stream, VALUES)
    assert "x.npz: is no .npz file: it holds one array without a name" in failed(cohort, cohort / "x.npz")
    (cohort / "t.parquet").write_bytes(b"PAR1 and nothing")
    assert "t.parquet: is no .parquet file" in failed(cohort, cohort / "t.parquet")
    twice = {"subject_id": np.array(SUBJECTS), "features": VALUES, "columns": np.array(["a", "a"])}
    np.savez(cohort / "y.npz", **twice)
    assert "y.npz: has the column a twice" in failed(cohort, cohort / "y.npz")
    np.savez(cohort / "w.npz", subject_id=np.array(SUBJECTS), values=VALUES)
    assert "no array `features`" in failed(cohort, cohort / "w.npz")


def test_pseudonyms_are_joined_through_the_key_table_and_messages_name_rows_alone(cohort):
    key_table = cohort / "pseudonyms" / "s.c.csv"
    made = Pseudonyms(key_table)
    new = {name: made.subject(name) for name in SUBJECTS}
    made.write()
    table = MANIFEST.read(cohort / "manifest.csv")
    table["subject_id"] = table["subject_id"].map(new)
    MANIFEST.write(table, cohort / "manifest.csv")
    features, subjects, _ = run(cohort, save(frame(), cohort / "t.csv"), key_table=key_table)
    assert subjects.tolist() == list(new.values())
    np.testing.assert_array_equal(features, VALUES.astype(np.float32))
    again, *_ = run(cohort, save(frame(new.values()), cohort / "t.csv"), key_table=key_table)
    np.testing.assert_array_equal(again, features)
    said = failed(cohort, frame(["7", *SUBJECTS[1:]]), key_table=key_table)
    assert f"has no row for 1 of 4 subjects of the cohort: {new['007']}" in said
    assert "the id in row 2: they differ by leading zeros" in said
    assert not re.search(r"'7'|007", said)
    twice = failed(cohort, frame(["007", new["007"], "P3", "P4"]), key_table=key_table)
    assert "has one id twice, in row 2 and in row 3" in twice
    assert "007" not in twice


def study(path, **cohorts):
    return {"cohorts": cohorts or {"c": {}}, "arms": {"mine": options(path)}}


def test_files_and_cohorts_have_to_be_the_same(cohort):
    path = cohort / "t.csv"
    OwnFeatures.check(study(path), "mine")
    with pytest.raises(ConfigError, match=r"arms.mine.files: names no file for d"):
        OwnFeatures.check(study(path, c={}, d={}), "mine")
    with pytest.raises(ConfigError, match=r"arms.mine.files.c: is no cohort of this study\n.*did you mean 'cc'"):
        OwnFeatures.check(study(path, cc={}), "mine")
    with pytest.raises(ConfigError, match=r"files.c.path: .*t.xlsx is none of .csv, .tsv"):
        OwnFeatures.check(study(cohort / "t.xlsx"), "mine")
    with pytest.raises(ConfigError, match=r"files.c.of: is subject, and each image"):
        OwnFeatures.check(study(path, c={"labels_of": "image"}), "mine")


def test_sha256_header_and_columns_are_looked_at_while_planning(cohort):
    path = save(frame(), cohort / "t.csv")
    OwnFeatures.check_files(options(path, {"sha256": file_sha256(path).upper()}), "arms.mine", file_sha256)
    with pytest.raises(ConfigError, match=r"files.c.sha256: t.csv has sha256 .* pins 0{64}"):
        OwnFeatures.check_files(options(path, {"sha256": "0" * 64}), "arms.mine", file_sha256)
    with pytest.raises(ConfigError, match=r"files.c.columns: 'z' fits no column"):
        OwnFeatures.check_files(options(path, {"columns": ["z"]}), "arms.mine", file_sha256)
    assert "pins 0000" in failed(cohort, path, entry={"sha256": "0" * 64})


def test_a_job_knows_the_file_of_its_cohort_alone():
    files = {"c": {"path": "a.csv", "of": "subject"}, "d": {"path": "b.csv", "of": "image"}}
    both = options("a.csv") | {"files": files}
    mine = OwnFeatures.options_for(both, "c", {})
    assert OwnFeatures.files_of(mine) == ["a.csv"]
    assert "b.csv" not in json.dumps(mine)
    assert not OwnFeatures.has_image_features(mine)
    assert OwnFeatures.has_image_features(OwnFeatures.options_for(both, "d", {}))


def test_the_forecast_looks_at_the_header(cohort):
    path = save(frame(c=1.0), cohort / "header.csv")
    assert work.length(options(path), None) == 3
    assert work.length(options(cohort / "none.csv"), None) == 256
