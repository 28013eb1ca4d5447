"""The study's own lines: file, cohorts, weights, places, network, and whether it runs already."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import yaml
from PIL import Image

from sixgig.command.doctor import network, study
from sixgig.command.doctor.finding import can_start
from sixgig.command.doctor.needs import rules_need
from sixgig.runtime.running import Running
from tests.bound import bound, give_away

STUDY = {
    "study": "x",
    "device": "cpu",
    "cohorts": {
        "pics": {"adapter": "image_folder", "source": {"path": "pics"}},
        "phantom": {"adapter": "acdc", "source": {"phantom": {"kind": "acdc", "subjects": 40}}},
    },
    "weights": {"w": {"source": {"hub": {}}, "converter": "timm", "model": "resnet50.a1_in1k"}},
    "arms": {"baseline_cnn": {"weights": "w"}},
    "controls": {"random_vit": False},
    "evaluation": {"folds": 3},
}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Write a study with changes, and open it."""
    monkeypatch.chdir(tmp_path)
    for label in "ab":
        (tmp_path / "pics" / label).mkdir(parents=True)
        for index in range(12):
            pixels = np.full((8, 8), index * 20 + (label == "a"), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"pics/{label}/{index}.png")

    def write(**changes):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY | changes, sort_keys=False))
        return study.open_study(tmp_path / "study.yaml")

    return write


def lines(findings):
    return [(finding.name, finding.level, finding.text) for finding in findings]


def test_a_study_that_is_right(opened):
    found, problems = opened()
    assert problems == []
    assert lines(study.check_named_files(found)) == [("files", "ok", "all that the study file names are there")]
    assert lines(study.check_cohorts(found)) == [
        ("cohort", "ok", "pics: read from pics"),
        ("cohort", "ok", "phantom: to be simulated"),
    ]
    assert list(study.check_weights_files(found)) == []
    assert lines(study.check_rights(found.plan)) == [("permissions", "ok", "results/x and .snakemake can be written")]
    assert lines([study.check_own_run(found.plan)]) == [("run", "ok", "not running")]


def test_a_study_that_cannot_be_read(opened, tmp_path):
    found, (problem,) = opened(seeed=3)
    assert found is None
    assert (problem.name, problem.level) == ("study", "error")
    assert "config key seeed: is not known" in problem.text
    assert "did you mean `seed`?" in problem.next_step
    found, (problem,) = study.open_study(tmp_path / "none.yaml")
    assert problem.text == "none.yaml: cannot be read: No such file or directory"


def test_an_environment_that_is_missing_leaves_the_rest_to_be_checked(opened):
    arms = STUDY["arms"] | {"vit_contrastive": {"weights": "w", "interpreter": "/nowhere/python", "loss": "g_r"}}
    weights = {"w": STUDY["weights"]["w"] | {"model": "vit_tiny_patch16_224"}}
    found, (problem,) = opened(arms=arms, weights=weights)
    assert (problem.name, problem.level) == ("environment", "error")
    assert "/nowhere/python" in problem.text
    assert len(list(study.check_cohorts(found))) == 2


def test_every_file_and_cohort_that_is_wrong_has_a_line(opened):
    cohorts = {
        "one": {"adapter": "image_folder", "source": {"path": "nowhere"}},
        "two": {"adapter": "image_folder", "source": {"path": "neither"}},
        "three": {"adapter": "image_folder", "source": {"path": "pics"}, "positive": "c"},
    }
    found, _ = opened(cohorts=cohorts)
    files = list(study.check_named_files(found))
    assert [finding.level for finding in files] == ["error", "error"]
    assert "cohorts.one.source.path: nowhere does not exist" in files[0].text
    assert "cohorts.two.source.path: neither does not exist" in files[1].text
    assert all(finding.next_step for finding in files)
    (cohort,) = study.check_cohorts(found)
    assert cohort.level == "error"
    assert "config key cohorts.three.positive: there is no class 'c'" in cohort.text
    assert not can_start([cohort])


def test_places_of_another_user(opened, tmp_path):
    found, _ = opened()
    for name in ("results/x/logs", ".snakemake"):
        (tmp_path / name).mkdir(parents=True)
        give_away(tmp_path / name)
        (tmp_path / name).chmod(0o555)
    said = bound(lambda: "\n".join(f"{each.level}: {each.text}" for each in study.check_rights(found.plan)))
    for name in ("results/x/logs", ".snakemake"):
        assert f"error: {name}: may not be written: it belongs to " in said


def job(name, host="here"):
    return Running("pretrain_arm", name, 42, host, 0.0)


def test_a_run_that_is_going_on():
    finding = study.check_runs([job("a.b"), job("c.d")], [], host="here")
    assert finding.level == "warning"
    assert finding.text == "it runs just now: pretrain_arm.a.b, pretrain_arm.c.d (process 42)"
    assert "runs just now on there: " in study.check_runs([job("a.b", "there")], [], host="here").text
    killed = study.check_runs([], [job(str(n)) for n in range(5)], host="here")
    assert killed.level == "ok"
    assert "and 2 more ended early, and will go on from the last checkpoint" in killed.text


def test_weights_are_there_or_to_be_fetched(opened, tmp_path):
    wheel = {"package": "some-package", "version": "1.2", "sha256": "a" * 64}
    weights = STUDY["weights"] | {
        "cached": {"source": {"hub": {}}, "converter": "timm", "model": "resnet18.a1_in1k"},
        "untagged": {"source": {"hub": {}}, "converter": "timm", "model": "vit_tiny_patch16_224"},
        "wheel": {"source": {"wheel": wheel}, "converter": "timm", "model": "resnet18.tv_in1k", "member": "x"},
        "parts": {
            "source": {"wheels": [{**wheel, "member": "x"}, {**wheel, "member": "y"}]},
            "model": "resnet18.tv_in1k",
        },
        "other": {"source": {"hub": {"repository": "hf-hub:some/thing", "revision": "v1"}}, "model": "resnet50"},
        "built": {"source": {"hub": {}}, "converter": "timm", "model": "resnet34"},
    }
    found, _ = opened(weights=weights)
    for name in ("timm--resnet18.a1_in1k", "timm--vit_tiny_patch16_224.augreg_in21k", "some--thing"):
        folder = tmp_path / f"hub/models--{name}/snapshots/abc"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").touch()
    (tmp_path / "results/x/weights").mkdir(parents=True)
    (tmp_path / "results/x/weights/built.safetensors").touch()
    told, from_hub = network.check_weights(found.plan, tmp_path / "hub")
    assert [finding.text.partition(": ")[2] for finding in told] == [
        "to be fetched from the hub", "in the hub's cache", "in the hub's cache", "wheel, to be fetched by pip",
        "wheels, to be fetched by pip", "in the hub's cache", "converted",
    ]  # fmt: skip
    assert from_hub
    (tmp_path / "results/downloads").mkdir()
    (tmp_path / "results/downloads/some_package-1.2-py3-none-any.whl").touch()
    told, _ = network.check_weights(found.plan, tmp_path / "hub")
    assert [told[index].text.partition(": ")[2] for index in (3, 4)] == ["wheel, there", "wheels, there"]


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HOME": "/data/hf"}, "/data/hf/hub"),
        ({"HF_HUB_CACHE": "/cache", "HF_HOME": "/data/hf"}, "/cache"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_where_the_hub_keeps_weights(variables, folder):
    assert str(network.hub_folder(variables)) == folder


def test_what_is_fetched_from_where(opened):
    cohorts = STUDY["cohorts"] | {
        "web": {"adapter": "image_folder", "source": {"url": {"url": "https://a.example/x.zip", "sha256": "a" * 64}}},
        "known": {"adapter": "medmnist", "source": {"recipe": {"name": "medmnist", "dataset": "pneumoniamnist"}}},
    }
    found, _ = opened(cohorts=cohorts)
    wanted = network.addresses(found.plan, True, {"HF_ENDPOINT": "https://mirror.example"})
    assert list(wanted.values()) == ["weights", "cohort web", "cohort known"]
    assert list(wanted)[:2] == ["https://mirror.example", "https://a.example/x.zip"]
    assert "weights" not in network.addresses(found.plan, False, {}).values()
    assert network.addresses(opened()[0].plan, False, {}) == {}


def test_servers_that_answer_and_that_do_not():
    asked = []

    def head(address, timeout, allow_redirects):
        asked.append((address, timeout))
        if "down" in address:
            raise requests.ConnectionError(f"cannot reach {address}")
        return SimpleNamespace(status_code=503 if "busy" in address else 404)

    wanted = {
        "https://user:secret@down.example/a": "weights",
        "https://busy.example": "cohort b",
        "https://up.example": "c",
    }
    found = list(network.check_network(wanted, head, {}))
    assert [finding.level for finding in found] == ["error", "error", "ok"]
    assert found[0].text == "down.example does not answer (ConnectionError), and weights come from there"
    assert "HF_ENDPOINT" in found[0].next_step
    assert found[1].text == "busy.example answers with status 503, and cohort b come from there"
    assert "secret" not in "".join(finding.text + finding.next_step for finding in found)
    assert all(timeout <= 3 for _, timeout in asked)
    assert list(network.check_network({}, head, {})) == []
    (finding,) = network.check_network({"https://hub.example": "weights"}, head, {"HF_HUB_OFFLINE": "1"})
    assert finding.text == "HF_HUB_OFFLINE is set, and weights have to be fetched"


def test_a_server_whose_name_is_not_found_is_not_waited_for():
    """Asking for the address of a name may hang, whatever the time limit of the request."""
    answered = threading.Event()
    (finding,) = network.check_network({"https://slow.example": "x"}, lambda *_, **__: answered.wait(60), {}, 0.1)
    answered.set()
    assert finding.text == "slow.example does not answer in time, and x come from there"


def test_conda_is_needed_where_an_arm_says_so(opened):
    weights = {"w": STUDY["weights"]["w"] | {"model": "vit_tiny_patch16_224"}}
    arms = STUDY["arms"] | {"vit_contrastive": {"weights": "w", "interpreter": "conda", "loss": "g_r"}}
    found, problems = opened(arms=arms, weights=weights)
    assert (problems, found.conda) == ([], True)
    assert not opened()[0].conda
    assert opened(arms=["baseline_cnn"])[0] is None


def test_a_token_is_named_and_never_shown():
    finding = network.check_token({"HF_TOKEN": "hf_secret"})
    assert "HF_TOKEN is set" in finding.text
    assert "hf_secret" not in repr(finding)
    assert network.check_token({}) is None


def test_without_a_forecast_the_rules_say_how_much_memory(tmp_path):
    (tmp_path / "a.smk").write_text("mem_mb=500,\nmem_mb=4000,\n")
    assert rules_need(tmp_path).memory_mb == 4000
