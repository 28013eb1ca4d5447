"""What the user changes after a study is finished is seen, said, and computed again; nothing else is."""

import re
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import RUN, snakemake
from PIL import Image

from sixgig.runtime.digests import file_sha256
from sixgig.tables.cohorts import MANIFEST, SPLITS
from sixgig.tables.features import read_features

#: As no other word of a study's files: a search for it finds this subject.
GONE = "fulana07"
FEATURES = "results/tiny/features/{}/vit_pure.npz"


def picture(path, seed, base):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 100, (30, 40), dtype=np.uint8) + np.uint8(base)).save(path)


def write_folder(root):
    """Sixteen patients with two pictures each, one folder for each class."""
    for number in range(16):
        name = GONE if number == 7 else f"cicrana{number:02d}"
        for place in range(2):
            folder = root / ("benign", "malign")[number % 2]
            picture(folder / f"{name}_{place}.png", 2 * number + place, 40 + 80 * (number % 2))


def write_table(root):
    """Sixteen subjects with a picture each, and their classes in a CSV."""
    lines = ["path,subject_id,label"]
    for number in range(16):
        picture(root / f"p{number:02d}.png", 100 + number, 40 + 80 * (number % 2))
        lines.append(f"p{number:02d}.png,s{number:02d},{('low', 'high')[number % 2]}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config):
    folder = tmp_path_factory.mktemp("changed")
    write_folder(folder / "data" / "folder")
    write_table(folder / "data" / "table")
    config = {
        **tiny_config,
        "cohorts": {
            "folder": {
                "adapter": "image_folder",
                "source": {"path": "data/folder"},
                "subject_pattern": r"(?P<subject>[a-z]+\d+)_",
            },
            "table": {"adapter": "table", "source": {"path": "data/table/labels.csv"}},
        },
        "arms": {
            "vit_pure": tiny_config["arms"]["vit_pure"],
            "vit_sparse": {
                **tiny_config["arms"]["vit_sparse"],
                "atoms": 4,
            },  # four pictures of the table are to learn from
        },
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "controls": {"majority_class": True, "random_vit": False},
        "classifiers": {"svm": {"kernels": ["linear"], "C": [1.0]}},
        "evaluation": {**tiny_config["evaluation"], "pretraining_fraction": 0.3},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "study")
    return tmp_path / "study"


def plan(folder):
    """Return what `-n` says has changed, and the jobs that it plans, by rule."""
    shown = snakemake(folder, "-n", "--cores", "2")
    said = [line for line in shown.stderr.splitlines() if line.startswith("[sixgig] cohort")]
    if "Nothing to be done" in shown.stdout:
        return said, {}
    table = shown.stdout[shown.stdout.index("Job stats:") :]
    return said, {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def run(folder):
    """Run the study; return the jobs that were done, as rule and what it was about."""
    shown = snakemake(folder, *RUN, "--printshellcmds")  # jobs speak for themselves then
    return {tuple(name.split(" ")) for name in re.findall(r"^\[(\w+(?: \S+)?)\] done in", shown.stderr, re.MULTILINE)}


def of_cohort(jobs, cohort):
    return {job[0] for job in jobs if job[1:] and job[1].split(".")[0] == cohort}


def states(folder):
    """Return size and time of every file of results."""
    found = (path for path in (folder / "results").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def holding(folder, word):
    """Return the files that hold a word: as text in any encoding that numpy and SQLite use, inside archives, too."""
    forms = [word.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-32-le")]
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        if any(form in content for form in forms):
            found.append(str(path.relative_to(folder)))
    return found


def test_nothing_changed(copy):
    assert plan(copy) == ([], {})


def test_labels_corrected(copy):
    """The other cohort stays as it is, and pictures that are the same are not encoded again."""
    table = copy / "data/table/labels.csv"
    table.touch()
    assert plan(copy) == ([], {})
    table.write_text(table.read_text().replace("s02,low", "s02,high").replace("s05,high", "s05,low"))
    (said,), planned = plan(copy)
    assert said == "[sixgig] cohort table has changed: labels.csv: 2 subjects relabelled (s02, s05)"
    assert planned["prepare_cohort"] == planned["split_cohort"] == 1
    before, features = states(copy), read_features(copy / FEATURES.format("table"))
    jobs = run(copy)
    assert of_cohort(jobs, "folder") == {"draw_figures"}  # it draws all cohorts' scales
    assert of_cohort(jobs, "table") >= {"prepare_cohort", "split_cohort", "check_leakage", "classify_subjects"}
    after = states(copy)
    for kind in ("cohorts", "features", "predictions"):
        names = [name for name in before if name.startswith(f"results/tiny/{kind}/folder/")]
        assert names
        assert {name: after[name] for name in names} == {name: before[name] for name in names}
    log = (copy / "results/tiny/logs/encode_images/table.vit_pure.log").read_text()
    assert "its features are kept" in log
    same = read_features(copy / FEATURES.format("table"))
    np.testing.assert_array_equal(same[0], features[0])
    labels = dict(SPLITS.read(copy / "results/tiny/cohorts/table/splits.csv")[["subject_id", "label"]].to_numpy())
    assert (labels["s02"], labels["s05"], labels["s04"]) == ("high", "low", "low")
    predicted = pd.read_csv(copy / "results/tiny/predictions/table/vit_pure.svm.csv")
    assert dict(predicted[["subject_id", "label"]].to_numpy()).items() <= labels.items()
    assert plan(copy) == ([], {})


def test_a_subject_withdrawn(copy):
    """No file of the study holds the subject any more: tables, arrays, checkpoints, report, MLflow's store."""
    assert {"results/tiny/cohorts/folder/manifest.csv", FEATURES.format("folder")} <= set(holding(copy, GONE))
    left = copy / "results/tiny/features/folder/older_arm.npz"  # of an arm that was in the study once
    shutil.copy(copy / FEATURES.format("folder"), left)
    before, rows = states(copy), np.load(copy / "results/tiny/cohorts/folder/images.npy")
    manifest = MANIFEST.read(copy / "results/tiny/cohorts/folder/manifest.csv")
    gone = rows[(manifest["subject_id"] == GONE).to_numpy()]
    for path in (copy / "data/folder").rglob(f"{GONE}_*"):
        path.unlink()
    (said,), planned = plan(copy)
    assert said == (
        f"[sixgig] cohort folder has changed: 1 subject removed ({GONE}); 2 files removed, such as malign/{GONE}_0.png"
    )
    assert planned["prepare_cohort"] == planned["encode_images"] == 1
    jobs = run(copy)
    assert "encode_images" in of_cohort(jobs, "folder")
    assert holding(copy / "results", GONE) == []
    assert holding(copy / ".snakemake", GONE) == []
    kept = {row.tobytes() for path in (copy / "results").rglob("*images.npy") for row in np.load(path)}
    assert len(gone) == 2
    assert not kept & {row.tobytes() for row in gone}
    assert not left.exists()
    after = states(copy)
    names = [name for name in before if name.startswith("results/tiny/cohorts/table/")]
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert plan(copy) == ([], {})


def test_pictures_replaced_and_added(copy):
    picture(copy / "data/folder/benign/cicrana00_0.png", 999, 40)
    picture(copy / "data/folder/benign/novata99_0.png", 998, 40)
    (said,), planned = plan(copy)
    assert said == (
        "[sixgig] cohort folder has changed: 1 subject added (novata99); 1 file changed, 1 added, such as "
        "benign/cicrana00_0.png"
    )
    assert planned["prepare_cohort"] == planned["encode_images"] == 1


def test_a_weights_file_of_another_content(copy, tiny_config, tmp_path):
    """The plan says so, and not a job that runs hours later."""
    config = yaml.safe_load((copy / "study.yaml").read_text())
    file = config["weights"]["vit"]["source"]["file"]
    shutil.copy(file["path"], tmp_path / "vit.safetensors")
    file["path"] = str(tmp_path / "vit.safetensors")
    (copy / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert snakemake(copy, "-n", "--cores", "2").returncode == 0
    with (tmp_path / "vit.safetensors").open("ab") as stream:
        stream.write(b"x")
    shown = snakemake(copy, "-n", "--cores", "2", check=False)
    assert shown.returncode == 1
    assert (
        f"vit.safetensors has sha256 {file_sha256(tmp_path / 'vit.safetensors')}, but the study"
        in shown.stdout + shown.stderr
    )
    assert "Next step: get the right file" in shown.stdout + shown.stderr
