"""Titles, order and colours of a study's arms."""

import itertools

import pytest

from sixgig.arms.colours import Colours, distance
from sixgig.arms.looks import looks_of, random_look
from sixgig.arms.registry import looks

KINDS = looks()


def config(arms, models=("vit_small_patch14_dinov2", "resnet50")):
    weights = {f"w{number}": {"model": model} for number, model in enumerate(models)}
    return {"arms": arms, "weights": weights}


def test_order_is_that_of_kinds_and_then_of_the_study_file():
    arms = {
        "b": {"kind": "vit_pure"},
        "s": {"kind": "vit_sparse"},
        "rad": {"kind": "baseline_cnn"},
        "a": {"kind": "vit_pure"},
    }
    own = [name for name in looks_of(config(arms)) if name in arms]
    assert own == ["rad", "b", "a", "s"]
    sorted_by_json = {name: arms[name] for name in sorted(arms)}
    assert [name for name in looks_of(config(sorted_by_json), ["rad", "b", "a", "s"]) if name in arms] == own
    assert [*looks_of(config(arms))][-1] == "control_majority_class"


def test_titles_are_given_or_made_of_kind_and_name():
    arms = {
        "vit_pure": {}, "dino_v3": {"kind": "vit_pure"}, "rad": {"kind": "baseline_cnn", "title": "RadImageNet"},
    }  # fmt: skip
    found = looks_of(config(arms))
    assert [found[name].title for name in arms] == ["Pure ViT", "Pure ViT dino v3", "RadImageNet"]
    assert found["dino_v3"].titles == {"pt-BR": "ViT puro dino v3"}
    assert found["rad"].titles == {}


def test_the_first_of_a_kind_has_its_colour_and_is_the_reference():
    found = looks_of(
        config({"a": {"kind": "vit_pure"}, "b": {"kind": "vit_pure"}, "c": {"kind": "vit_pure", "colour": "#abcdef"}})
    )
    assert found["a"].colour == KINDS["vit_pure"].colour
    assert found["c"].colour == "#ABCDEF"
    assert [found[name].reference for name in "abc"] == [True, False, False]


def test_controls_name_their_network():
    arms = {"a": {"kind": "vit_pure", "weights": "w0"}, "r": {"kind": "baseline_cnn", "weights": "w1"}}
    found = looks_of(config(arms))
    assert (found["control_random_resnet"].title, found["control_random_vit"].title) == ("Random ResNet", "Random ViT")
    assert random_look("monai_swinunetr", "monai:SwinUNETR").title == "Random SwinUNETR"
    assert random_look("vit").titles["pt-BR"] == "ViT aleatório"


@pytest.mark.parametrize("own", [{}, {"colour": "#E69F00"}])
def test_two_dozen_arms_never_share_a_colour(own):
    """The given colour is that of another kind, which then has to look for one."""
    arms = {f"v{number}": {"kind": "vit_pure", "weights": "w0"} for number in range(16)}
    arms |= {f"c{number}": {"kind": "baseline_cnn", "weights": "w1"} for number in range(4)} | {
        "v0": {"kind": "vit_pure", **own}
    }
    found = looks_of(config(arms))
    names = [*arms, "control_random_vit", "control_random_resnet", "control_majority_class"]
    assert len(names) == 23
    assert len({found[name].colour for name in names}) == 23


def test_colours_are_far_apart_for_everybody():
    kinds = [look.colour for look in KINDS.values()]
    more = Colours(kinds)
    chosen = [more.next() for _ in range(24 - len(kinds))]
    for colour, others in ((colour, {*kinds, *chosen} - {colour}) for colour in chosen):
        assert min(distance(colour, other) for other in others) > 0.09
    greys = [more.next(grey=True) for _ in range(3)]
    assert (
        min(distance(a, b) for a, b in itertools.combinations([*greys, KINDS["control_majority_class"].colour], 2))
        > 0.08
    )
    assert all(grey[1:3] == grey[3:5] == grey[5:7] for grey in greys)


def test_distances_are_those_of_oklab():
    assert distance("#000000", "#FFFFFF") == pytest.approx(1.0, abs=1e-3)
    assert distance("#FF0000", "#FF0000") == 0
    assert distance("#FF0000", "#0000FF") == pytest.approx(0.5371, abs=1e-3)
    seen_by_all = ((0.6279 - 0.8664) ** 2 + (0.2249 + 0.2339) ** 2 + (0.1258 - 0.1795) ** 2) ** 0.5
    assert distance("#FF0000", "#00FF00") < seen_by_all  # red and green are nearer for the colour-blind
