"""What runs in two environments parses, imports and keeps to itself in both."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "sixgig" / "contrastive"
#: Packages and modules that run in both environments.
RUNTIME = tuple(f"sixgig.runtime.{name}" for name in ("atomic", "digests", "faults", "locks", "stopping", "umask"))
GPU = ("sixgig.gpu.card", "sixgig.gpu.lock")
CROSSING = (
    "sixgig.contrastive",
    "sixgig.training",
    "sixgig.errors",
    "sixgig.redaction",
    "sixgig.version",
    *RUNTIME,
    *GPU,
)
#: Used where it is installed, and done without where it is not.
OPTIONAL = ("pynvml",)


def files_of(name):
    place = ROOT.joinpath(*name.split("."))
    return place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]


SHARED = sorted(path for name in CROSSING for path in files_of(name) if path.parent.name != "pytorch")
#: Modules of TensorFlow that may be imported, and only below this folder.
TENSORFLOW, TENSORFLOW_FOLDER = ("tensorflow.compat.v1", "tensorflow.python.client"), PACKAGE / "tensorflow1"
#: Attributes of TensorFlow that are gone from NVIDIA's build or run no graph.
FORBIDDEN = {f"tf.{name}" for name in ("contrib", "keras", "layers", "enable_eager_execution", "enable_v2_behavior")}


def dotted(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def problems(source, in_tensorflow1):
    """Say what in a module's source does not belong into two environments."""
    try:
        tree = ast.parse(source, feature_version=(3, 7))
    except SyntaxError as error:
        return [f"line {error.lineno}: {error.msg}"]
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # What is imported from a package of sixgig may itself be a module, such as sixgig.training.arrays.
            names = [f"{base}.{alias.name}" for alias in node.names] if base.startswith("sixgig") else [base]
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        found += [f"line {node.lineno}: imports {name}" for name in names if not allowed(name, in_tensorflow1)]
    has_code = any(not isinstance(node, ast.Expr) for node in tree.body)
    if has_code and "from __future__ import annotations" not in source:
        found.append("lacks `from __future__ import annotations`")
    return found


def allowed(name, in_tensorflow1):
    top = name.split(".")[0]
    if top == "sixgig":
        inside = name in CROSSING or name.startswith(tuple(f"{package}." for package in CROSSING))
        return inside and not name.startswith("sixgig.contrastive.pytorch")
    if top == "tensorflow":
        return in_tensorflow1 and name in TENSORFLOW
    return top in ("numpy", *OPTIONAL) or top in sys.stdlib_module_names


def test_the_modules_are_found():
    names = {dotted(path) for path in SHARED}
    assert {"sixgig.contrastive", "sixgig.training.arrays", "sixgig.contrastive.tensorflow1.vit"} <= names
    assert not any("pytorch" in name for name in names)


def test_modules_belong_into_both_environments():
    found = {dotted(path): problems(path.read_text("utf-8"), TENSORFLOW_FOLDER in path.parents) for path in SHARED}
    assert {name: lines for name, lines in found.items() if lines} == {}


FUTURE = "from __future__ import annotations\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("if (n := 3): pass", "line 2: Assignment expressions are only supported in Python 3.8"),
        ("def f(a, /): pass", "line 2: Positional-only parameters are only supported in Python 3.8"),
        ("match x:\n    case 1: pass", "line 3: Pattern matching is only supported in Python 3.10"),
        ("import torch", "line 2: imports torch"),
        ("def f():\n    import timm.layers", "line 3: imports timm.layers"),
        ("from sixgig.runtime.jobs import job", "imports sixgig.runtime.jobs"),
        ("from sixgig import weights", "imports sixgig.weights"),
        ("from sixgig.contrastive.pytorch import losses", "imports sixgig.contrastive.pytorch"),
        ("from sixgig.contrastive import pytorch", "imports sixgig.contrastive.pytorch"),
        ("from . import vit", "imports ."),
        ("import tensorflow as tf", "imports tensorflow"),
        ("import tensorflow.compat.v2 as tf", "imports tensorflow.compat.v2"),
        ("import scipy.ndimage", "imports scipy.ndimage"),
        ("import tensorflow.compat.v1 as tf\ntf.contrib.layers", "tf.contrib"),
        ("import tensorflow.compat.v1 as tf\ntf.keras.layers.Dense(1)", "tf.keras"),
    ],
)
def test_what_does_not_belong_is_found(source, problem):
    found = problems(FUTURE + source, in_tensorflow1=True)
    assert len(found) == 1
    assert problem in found[0]


def test_tensorflow_stays_in_its_folder():
    source = FUTURE + "import tensorflow.compat.v1 as tf\nimport numpy as np\nimport sixgig.training.arrays\n"
    assert problems(source, in_tensorflow1=True) == []
    assert problems(source, in_tensorflow1=False) == ["line 2: imports tensorflow.compat.v1"]


def test_annotations_must_not_be_evaluated():
    assert problems("x: list[int] = []\n", in_tensorflow1=False) == ["lacks `from __future__ import annotations`"]


IMPORT_ALL = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
        found[name] = ""
    except BaseException as error:
        found[name] = repr(error)
found["version"] = list(sys.version_info[:2])
others = [name for name in sys.modules if name.startswith("sixgig.")]
crossing = tuple(json.loads(sys.argv[2]))
others = [name for name in others if name not in ("sixgig.runtime", "sixgig.gpu") and not name.startswith(crossing)]
found["leaked"] = others + [name for name in ("torch", "timm", "sixgig.contrastive.pytorch") if name in sys.modules]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported(tensorflow1):
    done = subprocess.run(
        [tensorflow1, "-c", IMPORT_ALL, json.dumps(["sixgig", *map(dotted, SHARED)]), json.dumps(CROSSING)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONNOUSERSITE": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_other_environment_is_python_37(imported):
    assert imported["version"] == [3, 7]
    assert imported["sixgig"] == ""


def test_modules_import_in_the_other_environment(imported):
    assert {name: imported[name] for name in map(dotted, SHARED) if imported[name]} == {}


def test_nothing_of_the_main_environment_comes_along(imported):
    assert imported["leaked"] == []
