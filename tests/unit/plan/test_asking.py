"""Questions about networks: answered in one process of its own, kept for the next plan, and never by importing here."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml

from sixgig.errors import ArmError, WeightsError
from sixgig.plan import asking
from sixgig.plan.questions import respond
from sixgig.weights import probing, sizes

SMALL = "resnet10t"  # in no table, and quickly built
SIZE = json.dumps(["images", SMALL, 64])
REFUSED = json.dumps(["arm", "resnet10t", "config key arms.a", "vit_contrastive", {"token": "mean"}, 64])
STUDY = {
    "study": "asked",
    "image": {"size": 64},
    "cohorts": {
        "brats_phantom": {
            "title": "t", "adapter": "brats", "positive": "HGG", "modalities": ["flair"],
            "source": {"phantom": {"kind": "brats", "subjects": 20, "shape": [32, 32, 16], "spacing": 4.0, "seed": 1}},
            "slices": {"count": 2}, "volume": {"size": [16, 32, 32]},
        }
    },
    "weights": {
        "w": {"source": {"hub": {}}, "model": SMALL},
        "v": {
            "source": {"wheel": {"package": "p", "version": "1", "sha256": "0" * 64}}, "member": "p/v.pt",
            "model": "monai:resnet10", "options": {"n_input_channels": 1},
        },
    },
    "arms": {
        "vit_pure": {"weights": "w", "token": "mean"},
        "volume_network": {"weights": "v", "channels": "first", "crop": [16, 32, 32]},
    },
}  # fmt: skip
PLANNING = """
import json, sys
from pathlib import Path
from sixgig.plan import asking
from sixgig.plan.opening import open_plan
began, start = [], asking._in_a_process
asking._in_a_process = lambda questions: began.append(len(questions)) or start(questions)
def heavy():
    return [name for name in ("torch", "timm", "monai") if name in sys.modules]
plan = open_plan([Path("study.yaml")])
opened = heavy()
from sixgig.forecast.rates import LAPTOP
from sixgig.forecast.study import forecast_study
costs = forecast_study(plan, LAPTOP)
print(json.dumps([began, opened, heavy(), len(costs)]))
"""


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(asking, "_ANSWERS", {})
    for known in (sizes.network_size, sizes._counted, probing.probe, probing._refusal):
        known.cache_clear()  # else this process answers by what earlier tests built
    return tmp_path / "cache/sixgig/networks.json"


@pytest.fixture
def asked(own_cache, monkeypatch):
    """The questions that are put to another process, which is this one here."""
    questions = []

    def process(found):
        questions.append(found)
        return [{"value": {"question": question}} for question in found]

    monkeypatch.setattr(asking, "_in_a_process", process)
    return questions


def again(monkeypatch):
    """Forget what this process knows, as another process does."""
    monkeypatch.setattr(asking, "_ANSWERS", {})


def test_planning_and_forecast_import_no_heavy_library_and_start_one_process_once(own_cache, tmp_path):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))

    def planned():
        done = subprocess.run(
            [sys.executable, "-c", PLANNING], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    began, opened, after, jobs = planned()
    assert (began, opened, after) == ([3], [], [])  # the arm's network, and two sizes, in one process
    assert jobs > 5
    assert planned() == [[], [], [], jobs]


def test_the_process_says_what_this_one_would(own_cache):
    asking.learn([SIZE, REFUSED])
    assert asking.answer(SIZE) == json.loads(json.dumps(respond(SIZE)))
    with pytest.raises(ArmError) as here:
        respond(REFUSED)
    with pytest.raises(ArmError) as there:
        asking.answer(REFUSED)
    assert str(there.value) == str(here.value)
    kept = json.loads(own_cache.read_text())
    assert [key.endswith(SIZE) for key in kept] == [True]  # what is refused is asked again


@pytest.mark.parametrize("changed", ["torch", "timm", "monai", "code"])
def test_answers_are_kept_by_question_versions_and_code(asked, monkeypatch, changed):
    assert asking.answer(SIZE) == {"question": SIZE}
    again(monkeypatch)
    assert asking.answer(SIZE) == {"question": SIZE}
    assert len(asked) == 1
    again(monkeypatch)
    with monkeypatch.context() as other:
        if changed == "code":
            other.setattr(asking, "_code_digest", lambda: "0" * 16)
        else:
            known = asking._version
            other.setattr(asking, "_version", lambda name: "0.1" if name == changed else known(name))
        asking.answer(SIZE)
    assert len(asked) == 2
    again(monkeypatch)
    asking.answer(SIZE)
    assert len(asked) == 2  # both are kept
    asking.answer(json.dumps(["images", SMALL, 96]))
    assert len(asked) == 3


def test_names_that_tell_are_asked_of_nobody(asked):
    asking.learn(
        [json.dumps(["images", "vit_small_patch14_dinov2", 112]), json.dumps(["model", "resnet50", "x", None])]
    )
    assert asking.answer(json.dumps(["images", "resnet50", 224]))["features"] == 2048
    assert asked == []


def test_a_cache_that_is_damaged_or_cannot_be_written_costs_time_alone(asked, own_cache, monkeypatch):
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("{")
    asking.answer(SIZE)
    again(monkeypatch)
    asking.answer(SIZE)
    assert len(asked) == 1
    own_cache.unlink()
    own_cache.mkdir()
    again(monkeypatch)
    assert asking.answer(SIZE) == {"question": SIZE}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (SimpleNamespace(returncode=-9, stdout="", stderr=""), r"networks resnet10t: .*killed by signal 9\n.*memory"),
        (SimpleNamespace(returncode=1, stdout="", stderr="x\nOSError: y\n"), r"exit code 1: OSError: y\n.*environment"),
        (SimpleNamespace(returncode=0, stdout="[]", stderr=""), r"exit code 0: it said nothing"),
        (OSError(12, "Cannot allocate memory"), r"could be started .*: Cannot allocate memory\n.*end other programs"),
    ],
)
def test_a_process_that_fails_is_an_error(own_cache, monkeypatch, ended, message):
    def run(*_, **__):
        if isinstance(ended, OSError):
            raise ended
        return ended

    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(WeightsError, match=message):
        asking.answer(SIZE)
    assert not own_cache.exists()


def test_what_the_environment_lacks_is_left_to_the_jobs(own_cache, tmp_path, monkeypatch):
    (tmp_path / "timm.py").write_text("raise ModuleNotFoundError('No module named timm', name='timm')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="timm"):
        asking.answer(SIZE)


def test_a_network_that_fails_in_an_unforeseen_way_is_named(own_cache, monkeypatch):
    monkeypatch.setattr(asking, "_in_a_process", lambda _: [{"failed": "ZeroDivisionError: x"}])
    with pytest.raises(WeightsError, match=r"network resnet10t: cannot be looked at: ZeroDivisionError: x\n"):
        asking.answer(SIZE)
