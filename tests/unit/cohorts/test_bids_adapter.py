"""BIDS data sets: participants, sessions, suffixes, entities."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixgig.cohorts.adapters.bids import BidsAdapter
from sixgig.cohorts.leftovers import leftovers
from sixgig.command.propose import propose
from sixgig.errors import CohortError, ConfigError
from tests.unit.cohorts.tiny_nifti import save_nifti


def save(root: Path, file: str) -> None:
    subject, *parts = file.split("_")
    session = [part for part in parts if part.startswith("ses-")]
    folder = root / subject / (session[0] if session else "") / ("func" if file.endswith("bold") else "anat")
    save_nifti(folder / f"{file}.nii.gz", np.random.default_rng(len(file)).integers(0, 99, (6, 5, 4)).astype(np.int16))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data set: two subjects without sessions, and one with two."""
    data = tmp_path / "ds"
    for file in ("sub-01_T1w", "sub-01_T2w", "sub-01_task-rest_bold", "sub-02_run-1_T1w", "sub-02_run-02_T1w",
                 "sub-03_ses-a_T1w", "sub-03_ses-b_T1w", "sub-03_ses-b_acq-x_part-phase_T1w"):  # fmt: skip
        save(data, file)
    (data / "participants.tsv").write_text("participant_id\tage\tgroup\nsub-01\t30\tcontrol\nsub-02\t31\tpatient\n"
                                           "sub-03\t32\tn/a\n")  # fmt: skip
    (data / "dataset_description.json").write_text("{}")
    (data / "sub-01" / "anat" / "sub-01_T1w.json").write_text("{}")
    return data


def shown(adapter: BidsAdapter, root: Path) -> list[tuple[str, str | None, list[str]]]:
    return [(one.subject_id, one.label, [item.item_id for item in one.items]) for one in adapter.discover(root).records]


def test_subjects_sessions_runs_and_classes(root: Path) -> None:
    adapter = BidsAdapter(None, {"bids": {"label": "group"}})
    assert shown(adapter, root) == [
        ("sub-01", "control", ["sub-01"]),
        ("sub-02", "patient", ["sub-02_run-02", "sub-02_run-1"]),
        ("sub-03", None, ["sub-03_ses-a", "sub-03_ses-b"]),
    ]
    found = adapter.discover(root)
    assert [(one.file, one.subject_id) for one in found.remarks] == [("participants.tsv", "sub-03")]
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (6, 5, 4, 1)
    assert found.records[0].items[0].files == {"T1w": "sub-01/anat/sub-01_T1w.nii.gz"}
    assert adapter.label_files(root) == [root / "participants.tsv"]


@pytest.mark.parametrize(
    ("options", "items"),
    [
        ({"session": ["b"]}, ["sub-03_ses-b"]),
        ({"session": ["ses-a", "b"]}, ["sub-03_ses-a", "sub-03_ses-b"]),
        ({"entities": {"run": "2"}}, ["sub-02_run-02"]),
        ({"entities": {"run": None, "ses": None}}, ["sub-01"]),
        ({"entities": {"part": "phase"}}, ["sub-03_ses-b_acq-x_part-phase"]),
    ],
)
def test_what_is_chosen(root: Path, options: dict[str, Any], items: list[str]) -> None:
    adapter = BidsAdapter(None, {"bids": options})
    found = adapter.discover(root)
    assert [item.item_id for one in found.records for item in one.items] == items
    without = {one.subject_id for one in found.remarks if one.kind == "not read"}
    assert without == {"sub-01", "sub-02", "sub-03"} - {one.subject_id for one in found.records}
    assert not found.rejections


def test_several_suffixes_are_channels(root: Path) -> None:
    adapter = BidsAdapter(["T2w", "T1w"])
    found = adapter.discover(root)
    assert [(one.subject_id, list(one.items[0].files)) for one in found.records] == [("sub-01", ["T2w", "T1w"])]
    (volume,) = adapter.read(found.records[0])
    assert volume.array.shape == (6, 5, 4, 2)
    assert {(one.subject_id, one.reason) for one in found.rejections} >= {
        ("sub-02", "there is no sub-02_run-1_T2w beside it"), ("sub-03", "there is no sub-03_ses-a_T2w beside it")
    }  # fmt: skip


def test_classes_of_sessions(root: Path) -> None:
    table = root / "sub-03" / "sub-03_sessions.tsv"
    table.write_text("session_id\tstage\nses-a\tmild\nses-b\tsevere\n")
    found = BidsAdapter(None, {"bids": {"label": "stage"}}).discover(root)
    assert [(one.subject_id, one.label) for one in found.records] == [("sub-01", None), ("sub-02", None)]
    assert [one.reason.split(";")[0] for one in found.rejections] == ["its sessions have several classes: mild, severe"]
    adapter = BidsAdapter(None, {"bids": {"label": "stage", "session": ["b"]}})
    assert shown(adapter, root) == [("sub-03", "severe", ["sub-03_ses-b"])]
    assert adapter.label_files(root) == [root / "participants.tsv", table]


def test_a_table_of_labels_alone_decides(root: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("subject_id,label\n01,x\nsub-02,y\n")
    options = {"labels": {"file": str(tmp_path / "t.csv")}, "bids": {"label": "group"}}
    assert [label for _, label, _ in shown(BidsAdapter(None, options), root)] == ["x", "y", None]
    (tmp_path / "t.csv").write_text("subject_id,label\n1,x\nsub-02,y\n")
    with pytest.raises(CohortError, match="'1' there, '01' in the cohort: they differ by leading zeros"):
        BidsAdapter(None, options).discover(root)


def test_participants_that_were_not_fetched(root: Path) -> None:
    lines = "".join(f"sub-{number:02d}\tx\n" for number in range(1, 30))
    (root / "participants.tsv").write_text(f"participant_id\tgroup\n{lines}")
    found = BidsAdapter(None, {"bids": {"label": "group"}}).discover(root)
    assert (len(found.records), len(found.unmatched)) == (3, 26)


def test_what_is_wrong_is_named(root: Path) -> None:
    with pytest.raises(CohortError, match="participants.tsv: lacks the column sex; it has participant_id, age, group"):
        BidsAdapter(None, {"bids": {"label": "sex"}}).discover(root)
    assert "no column is named as the class" in BidsAdapter().discover(root).remarks[0].text
    with pytest.raises(ConfigError, match="modalities"):
        BidsAdapter(["T1w", "T1w"])
    assert BidsAdapter().missing(root / "no") == [f"{root / 'no'} does not exist or is not a folder"]
    assert BidsAdapter().missing(root / "sub-01") == [
        f"{root / 'sub-01'} holds no folder such as sub-01/anat or sub-01/ses-01/anat"
    ]


def test_the_rest_is_listed(root: Path) -> None:
    (root / "derivatives").mkdir()
    (root / "derivatives" / "x.nii.gz").write_text("x")
    adapter = BidsAdapter(None, {"bids": {"label": "group"}, "exclude": ["sub-02"]})
    found = adapter.discover(root)
    reasons = {one.file: one.text for one in leftovers(adapter, root, found)}
    other = "another suffix, session, entity or folder than those asked for"
    assert reasons == {
        "dataset_description.json": "a description of files",
        "derivatives/x.nii.gz": "in derivatives, which is not looked at",
        "sub-01/anat/sub-01_T1w.json": "a description of files",
        "sub-01/anat/sub-01_T2w.nii.gz": other,
        "sub-01/func/sub-01_task-rest_bold.nii.gz": other,
        "sub-02/anat/sub-02_run-02_T1w.nii.gz": "left out by `exclude`: sub-02",
        "sub-02/anat/sub-02_run-1_T1w.nii.gz": "left out by `exclude`: sub-02",
        "sub-03/ses-b/anat/sub-03_ses-b_acq-x_part-phase_T1w.nii.gz": other,
    }


def test_it_is_proposed(root: Path) -> None:
    found = propose(root)
    assert (found.stanza["adapter"], found.stanza["bids"]) == ("bids", {"label": "group"})
    assert [one.label for one in found.discovery.records] == ["control", "patient", None]
