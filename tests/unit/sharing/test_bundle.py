"""What goes into an archive, and what never does."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from sixgig.command.main import main
from sixgig.errors import SixgigError
from sixgig.figures.catalogue import kinds_of, write_figures
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from sixgig.sharing.bundle import bundle_study
from sixgig.sharing.hiding import LEFT_OUT, readable_text
from sixgig.tables.cohorts import COPIES
from tests.unit.reporting.fake_study import write_fake_study

COHORT = "brats_phantom"


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with names in every place that may hold one."""
    folder = write_fake_study(tmp_path_factory.mktemp("bundled") / "fake", cohorts=(COHORT,))
    study, own = Study(folder), folder / "cohorts" / COHORT
    for kind in kinds_of(over_cohorts=True):
        write_figures(study, [folder / "figures" / f"{kind.name}.svg"])
    write_figures(
        study, [folder / "figures" / COHORT / f"{kind.name}.svg" for kind in kinds_of(over_cohorts=False)], COHORT
    )
    (folder / "report.html").write_text(f"the report with pictures of {COHORT}-001")
    (folder / "tables").mkdir()
    (folder / "tables" / "results.csv").write_text("old")
    now = f"now of subject {COHORT}-001"
    rows = [(f"{COHORT}-00{n}-0", f"{COHORT}-00{n}", "HGG", None, 1, None, "near", None, None, now) for n in (1, 2)]
    COPIES.write(pd.DataFrame(rows, columns=COPIES.column_names), own / "copies.csv")
    gate = read_json(own / "leakage.json")
    write_json(own / "leakage.json", gate | {"duplicates_within_fold": [[f"{COHORT}-001-0", f"{COHORT}-002-0"]]})
    write_json(own / "source.json", {"kind": "path", "root": "/home/ana/hospital"})
    write_json(own / "inventory.json", {"subjects": {f"{COHORT}-003": "HGG"}})
    sidecar = folder / "features" / COHORT / "baseline_cnn.json"
    write_json(sidecar, read_json(sidecar) | {"notes": [f"the scan of {COHORT}-004 is short"]})
    for name in (
        "logs/prepare_cohort/c.log",
        "benchmarks/a.tsv",
        "mlflow.db",
        "mlflow.json",
        ".running/a.json",
        "raw/a",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{COHORT}-005")
    (folder / "features" / COHORT / "vit_pure.npz").write_bytes(b"features")
    (folder / "weights").mkdir()
    (folder / "weights" / "vit.safetensors").write_bytes(b"weights")
    (folder.parent / "pseudonyms").mkdir()
    (folder.parent / "pseudonyms" / f"fake.{COHORT}.csv").write_text("secret")
    info = read_json(folder / "study.json")
    config = info["config"]
    config["cohorts"][COHORT]["exclude"] = [f"{COHORT}-006"]
    config["cohorts"][COHORT]["source"] = {"path": "/home/ana/hospital"}
    write_json(folder / "study.json", info | {"config": config})
    return folder


@pytest.fixture(scope="session")
def plain(once: Path) -> zipfile.ZipFile:
    bundle_study(once, once.parent / "plain.zip")
    return zipfile.ZipFile(once.parent / "plain.zip")


@pytest.fixture(scope="session")
def hidden(once: Path) -> zipfile.ZipFile:
    bundle_study(once, once.parent / "hidden.zip", hash_ids=True, salt=b"key")
    return zipfile.ZipFile(once.parent / "hidden.zip")


def all_names(folder: Path) -> set[str]:
    manifest, splits = Study(folder).manifest(COHORT), Study(folder).splits(COHORT)
    names = {
        str(name) for column in ("image_id", "subject_id", "volume_id", "source") for name in manifest[column].dropna()
    }
    return names | set(splits["subject_id"]) | {f"{COHORT}-006", "scan_017"}


def test_what_is_in_an_archive_and_what_is_not(plain: zipfile.ZipFile) -> None:
    files = set(plain.namelist())
    assert {
        "report.html", "metrics.csv", "summary.csv", "study.json", "study.yaml", "environment/main.txt",
        f"cohorts/{COHORT}/splits.csv", f"predictions/{COHORT}/vit_pure.svm.csv", f"features/{COHORT}/vit_pure.json",
        f"figures/{COHORT}/roc.svg", "logs/prepare_cohort/c.log", "statistics/pairwise.csv", "outputs.sha256",
        "ro-crate-metadata.json",
    } <= files  # fmt: skip
    wrong = (
        "images.npy",
        "volumes.npy",
        ".npz",
        ".safetensors",
        "inventory.json",
        "mlflow",
        ".running",
        "raw/",
        "pseudonyms",
    )
    assert [name for name in files if any(part in name for part in wrong)] == []
    assert f"figures/{COHORT}/reconstruction.svg" not in files


def test_the_report_is_written_again_without_pictures_of_subjects(plain: zipfile.ZipFile, once: Path) -> None:
    page = plain.read("report.html").decode()
    assert "left out: this figure shows images of subjects" in page
    assert "<img" not in page
    assert (once / "report.html").read_text() == f"the report with pictures of {COHORT}-001"


def test_what_is_asked_for_goes_in(once: Path, tmp_path: Path) -> None:
    files = set(bundle_study(once, tmp_path / "all.zip", extras=("images", "features", "weights")))
    assert {
        f"cohorts/{COHORT}/images.npy", f"features/{COHORT}/vit_pure.npz", "weights/vit.safetensors",
        f"figures/{COHORT}/reconstruction.svg",
    } <= files  # fmt: skip
    assert zipfile.ZipFile(tmp_path / "all.zip").read("report.html").decode().startswith("the report with pictures")


def test_no_name_is_left_in_any_file(hidden: zipfile.ZipFile, once: Path, tmp_path: Path) -> None:
    hidden.extractall(tmp_path)
    names = all_names(once)
    assert len(names) > 200
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        texts = [*readable_text(file), str(file.relative_to(tmp_path)), file.read_bytes().decode("latin-1")]
        assert [name for name in names if any(name in text for text in texts)] == [], file
        assert not any("/home/ana" in text for text in texts), file
    assert not [name for name in hidden.namelist() if name.startswith(("logs", "benchmarks"))]
    assert json.loads(hidden.read(f"cohorts/{COHORT}/source.json"))["root"] == LEFT_OUT


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_pseudonyms_agree_between_all_files(hidden: zipfile.ZipFile, once: Path) -> None:
    manifest = rows(hidden, f"cohorts/{COHORT}/manifest.csv")
    subjects = {row["subject_id"] for row in manifest}
    assert len(subjects) == 48
    splits, predicted = (
        rows(hidden, f"{name}") for name in (f"cohorts/{COHORT}/splits.csv", f"predictions/{COHORT}/vit_pure.svm.csv")
    )
    assert {row["subject_id"] for row in splits if row["role"] == "evaluation"} == subjects
    assert {row["subject_id"] for row in predicted} == subjects
    images = {row["image_id"]: row["subject_id"] for row in manifest}
    first, second = rows(hidden, f"cohorts/{COHORT}/copies.csv")
    assert images[first["image_id"]] == first["subject_id"]
    assert second["action"].removeprefix("now of subject ") in subjects
    (group,) = json.loads(hidden.read(f"cohorts/{COHORT}/leakage.json"))["duplicates_within_fold"]
    assert {first["image_id"], second["image_id"]} == set(group)
    excluded = json.loads(hidden.read("study.json"))["config"]["cohorts"][COHORT]["exclude"]
    assert excluded != [f"{COHORT}-006"]


def test_rows_are_not_in_the_order_of_the_names(hidden: zipfile.ZipFile) -> None:
    order = [row["subject_id"] for row in rows(hidden, f"cohorts/{COHORT}/manifest.csv")]
    assert order == sorted(order)


def test_classes_folds_and_scores_are_those_of_the_study(hidden: zipfile.ZipFile, once: Path) -> None:
    def counted(table: list[dict[str, str]]) -> list[tuple[str, ...]]:
        return sorted(tuple(value for key, value in row.items() if key != "subject_id") for row in table)

    for name in (f"cohorts/{COHORT}/splits.csv", f"predictions/{COHORT}/vit_pure.svm.csv"):
        with (once / name).open(newline="") as stream:
            assert counted(list(csv.DictReader(stream))) == counted(rows(hidden, name))
    assert hidden.read("metrics.csv") == (once / "metrics.csv").read_bytes()


def test_another_archive_has_other_pseudonyms(once: Path, hidden: zipfile.ZipFile, tmp_path: Path) -> None:
    bundle_study(once, tmp_path / "other.zip", hash_ids=True)
    name = f"cohorts/{COHORT}/splits.csv"
    there = {row["subject_id"] for row in rows(zipfile.ZipFile(tmp_path / "other.zip"), name)}
    assert not there & {row["subject_id"] for row in rows(hidden, name)}


def test_the_same_study_gives_the_same_bytes(once: Path, plain: zipfile.ZipFile, tmp_path: Path) -> None:
    bundle_study(once, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == Path(str(plain.filename)).read_bytes()
    infos = plain.infolist()
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}


def test_the_library_reads_the_metadata_back(plain: zipfile.ZipFile, once: Path) -> None:
    from rocrate.rocrate import ROCrate

    crate = ROCrate(Path(str(plain.filename)))
    described = {entity.id: entity["sha256"] for entity in crate.data_entities}
    there = {name: hashlib.sha256(plain.read(name)).hexdigest() for name in plain.namelist()}
    del there["ro-crate-metadata.json"]
    assert described == there
    assert crate.name == "A fake study for the tests"
    assert crate.root_dataset["mainEntity"].id == "report.html"
    assert crate.get("#sixgig")["softwareRequirements"].startswith("python 3.11.7, ")
    listed = dict(line.split("  ")[::-1] for line in plain.read("outputs.sha256").decode().splitlines())
    assert listed == {name: digest for name, digest in there.items() if name != "outputs.sha256"}


def test_a_name_in_a_picture_stops_the_archive(once: Path, tmp_path: Path) -> None:
    folder = Path(copytree(once, tmp_path / "fake"))
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Title", f"scan of {COHORT}-001")
    Image.new("L", (2, 2)).save(folder / "figures" / "extra.png", pnginfo=facts)
    with pytest.raises(SixgigError, match=f"fake/figures/extra.png: still holds the name {COHORT}-001"):
        bundle_study(folder, tmp_path / "a.zip", hash_ids=True)
    assert not (tmp_path / "a.zip").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["fake"]


def test_arrays_and_hidden_names_do_not_go_together(once: Path, tmp_path: Path) -> None:
    with pytest.raises(SixgigError, match="features, images cannot go in while names are hidden"):
        bundle_study(once, tmp_path / "a.zip", hash_ids=True, extras=("images", "features"))


def test_the_command_says_what_it_wrote(once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", str(once), "-o", str(tmp_path / "a.zip")]) == 0
    said = capsys.readouterr().out
    assert "It names subjects and files as they are: for sharing, use --hash-ids." in said
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert f"{len(archive.namelist())} files" in said
    assert main(["bundle", str(tmp_path), "-o", str(tmp_path / "b.zip")]) == 2
    assert "run the study to its end first" in capsys.readouterr().err
