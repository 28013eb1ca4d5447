"""Places that cannot be written or read are named while planning, with whose they are and what to do."""

import contextlib
import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sixgig.errors import PlaceError, SixgigError
from sixgig.plan import places
from sixgig.plan.opening import open_plan
from sixgig.plan.places import check_places, place_problems
from tests.bound import bound, give_away

STUDY = """\
study: x
device: cpu
cohorts:
  pics: {adapter: image_folder, source: {path: pics}}
weights:
  w: {source: {hub: {}}, converter: timm, model: resnet50.a1_in1k}
arms:
  baseline_cnn: {weights: w}
controls: {random_vit: false}
evaluation: {folds: 3}
"""
TARGETS = ["results/x/report.html", "results/x/tables/summary.csv"]


@pytest.fixture
def folder(tmp_path):
    """A folder with a study and its pictures."""
    for label in "ab":
        (tmp_path / "pics" / label).mkdir(parents=True)
        for index in range(12):
            pixels = np.full((8, 8), index * 20 + (label == "a"), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"pics/{label}/{index}.png")
    (tmp_path / "study.yaml").write_text(STUDY)
    yield tmp_path
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture(autouse=True, scope="module")
def imported(tmp_path_factory):
    """What planning imports and keeps, before the processes that are forked from this one."""
    folder = tmp_path_factory.mktemp("imported")
    with contextlib.chdir(folder), contextlib.suppress(SixgigError):
        (folder / "study.yaml").write_text(STUDY)
        (folder / "pics").mkdir()
        open_plan([folder / "study.yaml"])


def planned(folder):
    """What planning says in a folder."""
    os.chdir(folder)
    open_plan([folder / "study.yaml"])
    return "ok"


def finished(folder, mode=0o777):
    """Make what a finished study of this user's leaves."""
    for name in (
        ".snakemake/log",
        "results/x/logs/encode_images",
        "results/x/benchmarks",
        "results/x/cohorts/pics/raw",
    ):
        (folder / name).mkdir(parents=True)
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(mode)


def test_a_study_that_can_be_written_and_read_is_planned(folder):
    assert bound(planned, folder) == "ok"
    finished(folder)
    assert bound(planned, folder) == "ok"


def test_a_finished_study_of_another_user(folder):
    """Even a dry run needs Snakemake's own folder."""
    finished(folder, 0o555)
    said = bound(planned, folder)
    assert said.startswith("PlaceError: .snakemake: may not be written: it belongs to ")
    assert "(mode 555)" in said
    assert "also of a dry run" in said
    assert "Next step: " in said


@pytest.mark.parametrize("name", ["results", "results/x", "results/x/logs", "results/x/logs/encode_images", "."])
def test_read_only_folders(folder, name):
    if name != ".":
        finished(folder)
    (folder / name).chmod(0o555)
    give_away(folder / name)
    said = bound(planned, folder)
    if name == "results":  # the study's own folder is there, and nothing is written beside it
        assert said == "ok"
        (folder / "results/x").rename(folder / "results/y")
        (folder / name).chmod(0o555)
        said = bound(planned, folder)
    shown = folder if name == "." else name
    assert said.startswith(f"PlaceError: {shown}: may not be written: it belongs to ")
    step = said.partition("Next step: ")[2]
    if os.geteuid() == 0:
        assert "nobody (mode 555), and you are root" in said
        assert "copy results/x into its results/" in step
        assert "open results/x/report.html" in step
    else:
        assert step.startswith("chmod -R u+rwX ")


@pytest.mark.parametrize(
    ("name", "mode", "done"),
    [
        ("results/x/logs/encode_images/pics.log", 0o444, "written"),
        ("results/x/logs/encode_images/pics.log", 0o000, "written"),
        ("results/x/mlflow.db", 0o444, "written"),
        ("results/x/metrics.csv", 0o000, "read"),
    ],
)
def test_files_that_may_not_be_used(folder, name, mode, done):
    finished(folder)
    (folder / name).touch()
    give_away(folder / name)
    (folder / name).chmod(mode)
    assert bound(planned, folder).startswith(f"PlaceError: {name}: may not be {done}: it belongs to ")


def test_tables_that_are_only_read_may_be_protected(folder):
    finished(folder)
    (folder / "results/x/metrics.csv").touch()
    (folder / "results/x/metrics.csv").chmod(0o444)
    assert bound(planned, folder) == "ok"


@pytest.mark.parametrize("name", ["pics", "pics/b"])
def test_a_cohort_without_rights(folder, name):
    (folder / name).chmod(0o000)
    said = bound(planned, folder)
    assert said.startswith(
        f"ConfigError: study.yaml:4: config key cohorts.pics.source.path: {name} may not be read: it "
    )
    assert f" {name}" in said.partition("Next step: ")[2]
    assert "rX" in said.partition("Next step: ")[2]


def test_folders_above_a_cohort_without_rights(folder):
    (folder / "closed/deep/pics").mkdir(parents=True)
    (folder / "study.yaml").write_text(STUDY.replace("path: pics", "path: closed/deep/pics"))
    (folder / "closed").chmod(0o000)
    said = bound(planned, folder)
    assert "config key cohorts.pics.source.path: closed/deep/pics cannot be looked at: Permission denied" in said
    assert "Next step: correct the permissions of the folders above it" in said


def test_weights_without_rights(folder):
    (folder / "w.pth").write_bytes(b"123")
    (folder / "w.pth").chmod(0o000)
    source = f"{{file: {{path: w.pth, sha256: {'a' * 64}}}}}"
    (folder / "study.yaml").write_text(STUDY.replace("{hub: {}}", source))
    assert "config key weights.w.source.file.path: w.pth may not be read: it" in bound(planned, folder)


@pytest.mark.parametrize("name", ["results", "results/x", "results/x/logs", "results/x/tables"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_files_in_place_of_folders(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        (tmp_path / name).touch()
    else:
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    what = {"file": "a file", "link": "a link to nothing"}[kind]
    with pytest.raises(PlaceError, match=f"^{name}: is {what}, and results go into a folder") as caught:
        check_places("x", TARGETS)
    assert caught.value.next_step == "move it away, or run in another folder"


def test_a_folder_in_place_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/x/report.html").mkdir(parents=True)
    with pytest.raises(PlaceError, match=r"results/x/report.html: is a folder, and a file of this name"):
        check_places("x", TARGETS)


def status(**values):
    given = {"f_flag": 0, "f_bavail": 10**6, "f_frsize": 4096, "f_files": 10**6, "f_favail": 10**5} | values
    return lambda path: SimpleNamespace(**given)


@pytest.mark.parametrize(
    ("values", "reason", "step"),
    [
        ({"f_bavail": 19 * 256}, "lies on a full disk: 19 MiB are free", "remove files there"),
        ({"f_favail": 0}, "can hold no more files", "remove files there"),
        ({"f_files": 0, "f_favail": 0}, None, None),  # a file system that does not count them
        ({"f_bavail": 20 * 256}, None, None),
    ],
)
def test_full_disks(tmp_path, monkeypatch, values, reason, step):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "statvfs", status(**values))
    if reason is None:
        check_places("x", TARGETS)
        return
    with pytest.raises(PlaceError, match=reason) as caught:
        check_places("x", TARGETS)
    assert caught.value.place == str(tmp_path)
    assert step in caught.value.next_step


def test_read_only_file_systems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "statvfs", status(f_flag=os.ST_RDONLY))
    monkeypatch.setattr(places, "may", lambda path, mode: not mode & os.W_OK)  # as access(2) answers there, also root
    first = next(place_problems("x", TARGETS))
    assert str(first).startswith(f"{tmp_path}: lies on a read-only file system")
    assert "mount -o remount,rw" in first.next_step


def test_faults_of_a_drive_are_no_tracebacks(folder, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error", "pics/a")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("sixgig.plan.opening.check_early", fail)
    with pytest.raises(
        PlaceError, match="^pics/a: cannot be used: Input/output error\n  Next step: .*connect the drive"
    ):
        open_plan([folder / "study.yaml"])
