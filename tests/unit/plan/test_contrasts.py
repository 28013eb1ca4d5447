"""Which contrasts a study plans: baseline, start and control by default, and the key evaluation.contrasts."""

import pytest
import yaml

from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.plan.contrasts import baseline, planned_contrasts
from sixgig.runtime.places import WORKFLOW


def completed(contrasts=None, arms=None, **controls):
    config = yaml.safe_load((WORKFLOW / "config/config.yaml").read_text())
    if contrasts is not None:
        config.setdefault("evaluation", {})["contrasts"] = contrasts
    if arms is not None:
        known = config["arms"]
        config["arms"] = {name: known[name] if stanza is None else stanza for name, stanza in arms.items()}
    config["controls"] = config.get("controls", {}) | controls
    return complete(config)


def test_the_default_study_asks_twelve_questions():
    found = planned_contrasts(completed())
    assert [(a, b) for question, a, b in found if question == "baseline"] == [
        ("vit_pure", "baseline_cnn"),
        ("vit_contrastive", "baseline_cnn"),
        ("vit_mim", "baseline_cnn"),
        ("vit_sparse", "baseline_cnn"),
    ]
    assert [(a, b) for question, a, b in found if question == "start"] == [
        ("vit_contrastive", "vit_pure"),
        ("vit_mim", "vit_pure"),
        ("vit_sparse", "vit_pure"),
    ]
    assert [(a, b) for question, a, b in found if question == "control"] == [
        ("baseline_cnn", "control_random_efficientnet"),
        ("vit_pure", "control_random_vit"),
        ("vit_contrastive", "control_random_vit"),
        ("vit_mim", "control_random_vit"),
        ("vit_sparse", "control_random_vit"),
    ]
    assert len(found) == 12


def test_a_pair_is_asked_about_once():
    found = planned_contrasts(completed(arms={"vit_pure": None, "vit_mim": None}))
    assert [contrast for contrast in found if contrast[0] != "control"] == [("baseline", "vit_mim", "vit_pure")]


def test_the_baseline_is_the_first_arm_of_the_cheapest_kind():
    arms = {"vit_pure": None, "lite": {"kind": "baseline_cnn", "weights": "efficientnet_lite0"}}
    assert baseline(completed(arms=arms)) == "lite"
    assert baseline(completed(arms=arms | {"texture": {"kind": "handcrafted"}})) == "texture"
    assert baseline(completed(arms={"vit_pure": None})) is None


def test_an_arm_without_a_network_has_the_majority_class_as_its_control():
    arms = {"vit_pure": None, "texture": {"kind": "handcrafted"}}
    controls = [(a, b) for question, a, b in planned_contrasts(completed(arms=arms)) if question == "control"]
    assert controls == [("texture", "control_majority_class"), ("vit_pure", "control_random_vit")]


def test_a_network_without_its_control_has_none():
    found = planned_contrasts(completed(random_networks=False))
    assert [contrast for contrast in found if contrast[0] == "control"] == []


def test_named_pairs_replace_all_but_the_controls():
    found = planned_contrasts(completed([["vit_mim", "vit_contrastive"]]))
    assert found[0] == ("named", "vit_mim", "vit_contrastive")
    assert {question for question, _, _ in found[1:]} == {"control"}


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([["vit_pur", "vit_mim"]], "contrasts.0: there is no arm 'vit_pur'\n  Next step: did you mean `vit_pure`?"),
        ([["vit_pure", "vit_mim"], ["vit_mim", "vit_mim"]], "contrasts.1: compares vit_mim with itself"),
        ([["vit_pure", "vit_mim"], ["vit_mim", "vit_pure"]], "contrasts.1: vit_mim and vit_pure are compared twice"),
    ],
)
def test_a_pair_that_is_none_is_refused_while_planning(pairs, words):
    with pytest.raises(ConfigError) as raised:
        completed(pairs)
    assert words in str(raised.value)
