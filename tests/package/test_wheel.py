"""The wheel in a fresh environment outside the clone: the workflow lies inside, and the command works."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sixgig

ROOT = Path(__file__).resolve().parents[2]
#: What lies beside the package in a clone and inside it in a wheel.
DATA = ("Snakefile", "rules", "scripts", "profiles", "report", "envs", "config")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def pip(*arguments):
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built as a user builds it: the build backend comes from the package registry."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment that holds the wheel and sees the locked packages."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib"))
    pip("--python", str(folder / "bin/python"), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    return folder


@pytest.fixture
def command(installed, tmp_path):
    """Run a program of the environment in an empty folder."""

    def run(program, *arguments, check=True):
        done = subprocess.run(
            [installed / "bin" / program, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    run.folder = tmp_path
    return run


def test_wheel_holds_the_workflow_and_no_tests(wheel):
    tracked = subprocess.run(["git", "ls-files", *DATA, "sixgig"], cwd=ROOT, capture_output=True, text=True, check=True)
    expected = {name if name.startswith("sixgig/") else f"sixgig/workflow/{name}" for name in tracked.stdout.split()}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name for name in names if "__pycache__" in name} == set()
    assert expected - names == set()
    assert {name for name in names if "tests" in Path(name).parts or "conftest" in name} == set()


def test_dependencies_are_those_of_the_environment():
    listed = (ROOT / "envs/main.in").read_text().split("# Tests")[0]
    wanted = [line for line in listed.splitlines() if re.match(r"\w", line)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(project["dependencies"], key=str.lower) == sorted(wanted, key=str.lower)


def test_command_speaks_for_itself(command, installed):
    assert "sixgig" in command("sixgig", "--help").stdout
    assert command("sixgig", "--version").stdout == f"sixgig {sixgig.__version__}\n"
    snakefile = Path(command("sixgig", "snakefile").stdout.strip())
    assert snakefile.is_file()
    assert snakefile.is_relative_to(installed)
    assert "rad_dino" in json.loads(command("sixgig", "encoders", "--json").stdout)


def test_new_study_is_planned_in_an_empty_folder(command):
    rng = np.random.default_rng(0)
    for label in ("benign", "malignant"):
        (command.folder / "scans" / label).mkdir(parents=True)
        for number in range(12):
            picture = Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8))
            picture.save(command.folder / "scans" / label / f"{number}.png")
    assert "24 subjects" in command("sixgig", "new", "scans").stdout
    planned = command("sixgig", "run", "study.yaml", "-n", "--cores", "1")
    assert re.search(r"^  Pure ViT +1/1 ", planned.stdout, re.MULTILINE), planned.stdout
    command("sixgig", "plan", "study.yaml", "--html", "plan.html", "--cores", "1", check=False)
    assert "Pure ViT" in (command.folder / "plan.html").read_text()
    told = command("sixgig", "run", "study.yaml", "-n", "-p", "--cores", "1")
    assert re.search(r"^encode_images +6$", told.stdout, re.MULTILINE)
    assert "profiles/default" in told.stderr
    assert not (command.folder / "results").exists()
    direct = command("python", "-m", "snakemake", "-n", "--cores", "1", "--configfile", "study.yaml", "--snakefile",
                     command("sixgig", "snakefile").stdout.strip())  # fmt: skip
    assert "This was a dry-run" in direct.stdout
    wrong = command("sixgig", "run", "scans.yaml", check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("sixgig: scans.yaml: cannot be read")


def test_other_environment_imports_the_installed_package_with_its_own_numpy(command, tensorflow1):
    show = "from sixgig.runtime.places import IMPORT_PATH; print(IMPORT_PATH)"
    path = command("python", "-c", show).stdout.strip()
    code = "import sixgig.training.arrays as a, numpy; print(a.__file__, numpy.__version__)"
    environment = {**ENVIRONMENT, "PYTHONPATH": path}
    done = subprocess.run(
        [tensorflow1, "-c", code], cwd=command.folder, env=environment, capture_output=True, text=True, check=True
    )
    module, version = done.stdout.split()
    assert Path(module) == Path(path).parents[1] / "training" / "arrays.py"
    assert version.startswith("1.")
    command("python", "-c", "import sixgig.runtime.interpreters as i; assert not i.VENVS.is_absolute(), i.VENVS")


def test_missing_environment_of_an_installed_package_can_be_built(command):
    default = Path(command("sixgig", "snakefile").stdout.strip()).parent / "config/config.yaml"
    stopped = command("sixgig", "run", str(default), "-n", check=False)
    said = stopped.stderr
    assert stopped.returncode == 2
    build = re.search(r"run `(\S+) (\S+) \"\$PWD/\.venv-tf1\" 3\.7 envs/tensorflow1\.txt`", said)
    assert build, said
    assert all(Path(path).exists() for path in build.groups())
