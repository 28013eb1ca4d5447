"""Each image keeps its class, and belongs to its patient."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.adapters.image_folder import ImageFolderAdapter
from sixgig.cohorts.adapters.table import TableAdapter
from sixgig.cohorts.base import Item, Record
from sixgig.cohorts.fingerprints import fingerprint
from sixgig.cohorts.journal_lines import Entry, labelled
from sixgig.cohorts.options import read_options
from sixgig.cohorts.preparation import prepare_cohort
from sixgig.errors import CohortError, ConfigError
from sixgig.runtime.atomic import read_json
from sixgig.tables.cohorts import MANIFEST

COLUMNS = {"path": "image", "subject": "patient_id", "label": "target"}


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def isic(tmp_path: Path) -> Path:
    """Ten patients with four images each; the first image of four of them is of class 1, and one has no class."""
    lines = ["image,patient_id,target"]
    for patient in range(10):
        for number in range(4):
            name = f"ISIC_{patient}{number}.png"
            picture(tmp_path / "isic" / name, 10 * patient + number)
            target = "" if (patient, number) == (9, 3) else int(number == 0 and patient < 4)
            lines.append(f"{name},IP_{patient},{target}")
    (tmp_path / "isic" / "train.csv").write_text("\n".join(lines))
    return tmp_path / "isic" / "train.csv"


def prepare(root: Path, output: Path, adapter: str = "table", **options: Any) -> dict[str, Any]:
    stanza = {"labels_of": "image", **({"columns": COLUMNS} if adapter == "table" else {}), **options}
    prepare_cohort(adapter, root, output, image_size=16, options=stanza, seed=1, max_quarantine_fraction=0.0)
    return read_json(output / "cohort.json")


def test_every_image_of_a_table_keeps_its_class(isic: Path, tmp_path: Path) -> None:
    facts = prepare(isic, tmp_path / "c")
    assert facts["classes"] == {"0": 35, "1": 4}
    assert (facts["n_subjects"], facts["n_unlabelled"], facts["n_unlabelled_images"]) == (10, 0, 1)
    manifest = MANIFEST.read(tmp_path / "c" / "manifest.csv")
    of = manifest.set_index("source")
    assert of.loc["ISIC_20.png", ["subject_id", "label"]].tolist() == ["IP_2", "1"]
    assert of.loc["ISIC_21.png", ["subject_id", "label"]].tolist() == ["IP_2", "0"]
    assert manifest.loc[manifest["label"].isna(), "source"].tolist() == ["ISIC_93.png"]


def test_without_the_key_such_patients_are_left_out_and_the_key_is_named(isic: Path, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"subject has several classes: 0, 1; `labels_of: image` keeps the class"):
        prepare(isic, tmp_path / "c", labels_of="subject")


def test_a_subset_keeps_the_mix_of_patients(isic: Path, tmp_path: Path) -> None:
    prepare(isic, tmp_path / "c", limit=5)
    manifest = MANIFEST.read(tmp_path / "c" / "manifest.csv")
    assert manifest["subject_id"].nunique() == 5
    assert manifest["label"].eq("1").sum() == 2  # of ten patients four have such an image


def test_classes_are_renamed_by_image(isic: Path, tmp_path: Path) -> None:
    lines = isic.read_text().replace("ISIC_01.png,IP_0,0", "ISIC_01.png,IP_0,2")
    isic.write_text(lines)
    facts = prepare(isic, tmp_path / "c", classes={"benign": ["0"], "malignant": ["1"]})
    assert facts["classes"] == {"benign": 34, "malignant": 4}
    assert facts["n_images"] == 39  # the image of the class that is not named is left out, its patient is not
    assert facts["n_subjects"] == 10


def test_every_picture_of_a_folder_keeps_its_class(tmp_path: Path) -> None:
    for seed, name in enumerate(("CNV/P1-1", "CNV/P1-2", "NORMAL/P1-3", "NORMAL/P2-1")):
        picture(tmp_path / "oct" / f"{name}.png", seed)
    facts = prepare(tmp_path / "oct", tmp_path / "c", "image_folder", subject_pattern=r"(P\d+)-")
    assert facts["classes"] == {"CNV": 2, "NORMAL": 2}
    manifest = MANIFEST.read(tmp_path / "c" / "manifest.csv")
    found = manifest.groupby("subject_id")["label"].agg(list).to_dict()
    assert found == {"P1": ["CNV", "CNV", "NORMAL"], "P2": ["NORMAL"]}


def test_adapters_give_the_class_to_the_subject_or_to_its_images(isic: Path, tmp_path: Path) -> None:
    picture(tmp_path / "f" / "a" / "x.png", 1)
    picture(tmp_path / "f" / "b" / "y.png", 2)
    for kind, root, options in (
        (TableAdapter, isic, {"columns": COLUMNS}),
        (ImageFolderAdapter, tmp_path / "f", {}),
    ):
        whole = kind(None, options).discover(root).records
        assert all(record.label is not None for record in whole)
        assert all(item.label is None for record in whole for item in record.items)
        own = kind(None, {**options, "labels_of": "image"}).discover(root).records
        assert all(record.label is None for record in own)
        assert {item.label for record in own for item in record.items} >= {record.label for record in whole}


def test_a_changed_class_of_an_image_is_taken_from_the_record_and_reads_nothing(tmp_path: Path) -> None:
    records = [Record(tmp_path, "p", None, (Item("i", {"image": "i.png"}, label=label),)) for label in ("a", "b", None)]
    assert len({fingerprint(record) for record in records}) == 1
    kept = Entry([{"image_id": "i", "label": "a", "official": None}], ["i"], [], [], 0, 0, 0, "")
    assert [labelled(kept, record)[0]["label"] for record in records] == ["a", "b", None]


@pytest.mark.parametrize(
    ("adapter", "stanza", "message"),
    [
        (
            "table",
            {"dimensions": 3, "labels_of": "image"},
            r"cohorts.c.labels_of: is image, and the cohort holds volumes",
        ),
        (
            "elpv",
            {"labels_of": "image"},
            r"labels_of: is image, and adapter 'elpv' has one class(.|\n)*image_folder, table",
        ),
        ("table", {"metrics_of": "image"}, r"cohorts.c.metrics_of: is image, and the class is that of the subject"),
        ("table", {"labels_of": "picture"}, r"cohorts.c.labels_of: is 'picture'"),
        ("table", {"labels_of": "image", "metrics_of": "fold"}, r"cohorts.c.metrics_of: is 'fold'"),
    ],
)
def test_what_cannot_be_is_refused(adapter: str, stanza: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options(adapter, "c", stanza, 16)


def test_what_can_be_is_taken() -> None:
    for stanza in (
        {},
        {"labels_of": "subject"},
        {"labels_of": "image"},
        {"labels_of": "image", "metrics_of": "subject"},
    ):
        read_options("table", "c", stanza, 16)
    read_options("elpv", "c", {"labels_of": "subject", "metrics_of": "subject"}, 16)
