"""Arms of a study: kinds, controls for families of networks, and messages that name the arm."""

import re

import pytest

from sixgig.arms.families import family_of, model_title
from sixgig.arms.instances import instances
from sixgig.arms.naming import naming
from sixgig.errors import ArmError, ConfigError
from sixgig.plan.config import complete, source_of
from sixgig.plan.plan import Plan
from sixgig.plan.schema import study_schema
from sixgig.runtime.digests import settings_digest


def entry(model):
    return {"source": {"hub": {}}, "model": model}


STUDY = {
    "study": "x",
    "cohorts": {"c": {"adapter": "elpv", "source": {"path": "x"}}},
    "image": {"size": 224},
    "weights": {
        "vit": entry("vit_small_patch16_224"), "big": entry("vit_base_patch16_224"), "cnn": entry("resnet50"),
        "next": entry("convnext_tiny"),
    },
    "arms": {},
}  # fmt: skip


def study(arms, **changes):
    return {**STUDY, "arms": arms, **changes}


PURE, CNN = {"kind": "vit_pure", "weights": "vit"}, {"kind": "baseline_cnn", "weights": "cnn"}
TRAINED = {"kind": "vit_contrastive", "weights": "vit", "backend": "torch"}


def plan(arms, **changes):
    return Plan(study(arms, **changes), look=False)


def test_any_number_of_one_kind_and_learning_kinds_too():
    found = plan(
        {"b": TRAINED, "rad": CNN, "a": PURE | {"weights": "big"}, "c": TRAINED | {"weights": "big"}, "z": PURE}
    )
    assert found.arms[:5] == ["rad", "a", "z", "b", "c"]
    assert {name: arm.kind for name, arm in found.instances.items()} | {"x": 0} == {
        "rad": "baseline_cnn", "a": "vit_pure", "z": "vit_pure", "b": "vit_contrastive", "c": "vit_contrastive",
        "control_random_resnet": "baseline_cnn", "control_random_vit": "vit_pure", "x": 0,
    }  # fmt: skip
    assert found.pretrained_arms == ["b", "c"]
    assert found.weights_file("c") == "results/x/weights/big.safetensors"
    assert "results/x/features/c/rad.npz" in found.targets("features")


def test_the_kind_is_the_name_when_absent_and_gives_the_same_parameters():
    old = plan({"vit_pure": {"weights": "vit"}})
    new = plan({"vit_pure": {"kind": "vit_pure", "weights": "vit", "title": "DINO", "colour": "#112233"}})
    own = plan({"dino": {"kind": "vit_pure", "weights": "vit"}})
    options = [str(found.arm_options(name)) for found, name in ((old, "vit_pure"), (new, "vit_pure"), (own, "dino"))]
    assert options[0].startswith("{'weights': 'vit', 'batch_size': 16, 'precision': 'auto', 'pooling': 'mean', ")
    assert options[0] == options[1] == options[2]
    assert {found.arm_module(name) for found, name in ((old, "vit_pure"), (own, "dino"))} == {
        "sixgig.arms.vit_pure.arm"
    }
    assert complete(complete(new.config)) == new.config
    assert settings_digest(old.arm_options("control_random_vit")) == settings_digest(old.arm_options("vit_pure"))


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"a": PURE | {"kind": "vit_pur"}}, r"arms.a.kind: there is no kind 'vit_pur'(.|\n)*did you mean `vit_pure`"),
        (
            {"vit_pur": {"weights": "vit"}},
            r"arms.vit_pur: is no kind(.|\n)*did you mean `vit_pure`.*`vit_pur: \{kind: KIND",
        ),
        ({"a": PURE | {"tokn": "cls"}}, r"arms.a.tokn: is not known(.|\n)*did you mean `token`"),
        ({"a": PURE | {"weights": "resnet"}}, "arms.a.weights: there are no weights 'resnet'"),
        ({"control_a": PURE}, "arms.control_a: names that begin with control_ are those of controls"),
        ({"Dino": PURE}, r"config key arms.Dino(.|\n)*write dino, in lower case"),
        ({"a.b": PURE}, r"config key arms.a.b(.|\n)*such as a_b"),
        ({"vit_pure": CNN}, "arms.vit_pure.kind: is baseline_cnn, and vit_pure is the name of another kind"),
        ({"a": PURE | {"colour": "red"}}, "arms.a.colour: 'red' does not match"),
        ({"a": PURE | {"colour": "#aabbcc"}, "b": CNN | {"colour": "#AABBCC"}}, "arms.b.colour: is that of a too"),
        ({"a": PURE | {"title": "T"}, "b": CNN | {"title": "t"}}, "arms.b.title: is that of a too"),
        ({"a": PURE, "s": {"kind": "vit_sparse", "source": "b"}}, r"arms.s.source: b is not among(.|\n)*images: a"),
        ({"a": PURE, "s": {"kind": "vit_sparse", "source": "s"}}, "arms.s.source: s has no features of images"),
        ({"a": CNN, "s": {"kind": "vit_sparse"}}, r"arms.s: needs the features of another arm(.|\n)*`arms.s.source`"),
        ({"m": TRAINED | {"title": 1, "steps": 0}}, "arms.m.steps: 0 is less than"),
    ],
)
def test_what_is_wrong_with_an_arm_is_said_of_its_own_stanza(arms, message):
    with pytest.raises(ConfigError, match=message):
        complete(study(arms, controls={"random_networks": False}))


def test_the_checks_of_a_kind_name_the_arm():
    own = {"kind": "vit_mim", "weights": "vit", "encoder": {"width": 8}}
    with pytest.raises(ConfigError, match=re.escape("config key arms.masked.encoder")):
        complete(study({"masked": own}, controls={"random_networks": False}))
    with pytest.raises(ArmError) as caught, naming("vit_mim", "masked"):
        raise ArmError("arms.vit_mim.crop", "is odd for vit_mim", "set arms.vit_mim.crop, and not vit_mim_2")
    assert (
        str(caught.value) == "arms.masked.crop: is odd for masked\n  Next step: set arms.masked.crop, and not vit_mim_2"
    )


def test_sparse_codes_read_the_first_arm_of_their_kind_or_the_one_they_name():
    arms = {"s": {"kind": "vit_sparse"}, "rad": CNN, "m": TRAINED, "a": PURE, "b": PURE | {"token": "mean"}}
    first = plan(arms)
    assert first.source_arm("s") == "a"
    assert "source" not in first.arm_options("s")
    for source in ("rad", "m", "b"):
        named = plan(arms | {"s": {"kind": "vit_sparse", "source": source}})
        assert named.source_arm("s") == source
        assert source_of(named.config, named.instances["s"]) == source
        assert not named.source_of_volumes("c", "s")


def test_codes_of_volumes_are_of_volumes():
    cohort = {"adapter": "acdc", "source": {"path": "x"}, "volume": {"size": [96, 96, 96]}}
    arms = {"m": {"kind": "vit_mim", "weights": "vit"}, "s": {"kind": "vit_sparse", "source": "m"}}
    found = plan(arms, cohorts={"c": cohort}, controls={"random_networks": False})
    assert found.source_of_volumes("c", "s")


def test_each_family_has_one_control_that_stands_for_its_first_arm():
    found = plan(
        {"b": PURE | {"batch_size": 3}, "big": PURE | {"weights": "big"}, "n": CNN | {"weights": "next"}, "r": CNN}
    )
    controls = {name: arm.stands_for for name, arm in found.instances.items() if arm.stands_for}
    assert controls == {"control_random_convnext": "n", "control_random_resnet": "r", "control_random_vit": "b"}
    assert found.arm_options("control_random_vit")["batch_size"] == 3
    assert found.weights_file("control_random_resnet") == "results/x/weights/cnn.safetensors"
    assert [found.is_random(name) for name in ("b", "control_random_vit")] == [False, True]


def test_a_family_that_only_learning_arms_use_has_a_control_too():
    mim = {"kind": "vit_mim", "weights": "vit", "batch_size": 2}
    found = plan({"m": mim, "t": TRAINED | {"weights": "big", "token": "cls_mean"}, "r": CNN})
    control = found.instances["control_random_vit"]
    assert (control.kind, control.stands_for) == ("vit_pure", "t")  # the first in display order
    assert dict(control.options) == {
        "weights": "big", "batch_size": 8, "precision": "auto", "pooling": "mean", "token": "cls_mean",
    }  # fmt: skip
    assert found.encoder_file("c", "control_random_vit") == "results/x/weights/big.safetensors"
    assert "control_random_vit" not in found.pretrained_arms
    assert ("control", "m", "control_random_vit") in found.contrasts
    assert plan({"m": mim, "a": PURE}).instances["control_random_vit"].stands_for == "a"


@pytest.mark.parametrize("key", ["random_networks", "random_vit"])
def test_random_controls_are_switched_off_by_the_new_and_the_old_key(key):
    assert plan({"a": PURE}, controls={key: False}).arms == ["a"]
    found = plan({"a": PURE, "r": CNN}, controls={key: True})
    assert found.arms == ["r", "a", "control_random_resnet", "control_random_vit"]
    assert found.config["controls"] == {"majority_class": True, "random_networks": True}
    with pytest.raises(ConfigError, match=r"controls.random_vit: is the old name of controls.random_networks"):
        complete(study({"a": PURE}, controls={"random_vit": True, "random_networks": True}))


def test_the_results_of_an_older_study_have_its_one_control():
    old = {**STUDY, "arms": {"vit_pure": {"weights": "vit"}, "baseline_cnn": {"weights": "cnn"}}}
    found = instances(old | {"controls": {"majority_class": True, "random_vit": True}})
    assert list(found) == ["baseline_cnn", "vit_pure", "control_random_vit"]


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("vit_small_patch14_dinov2.lvd142m", "vit"), ("vit_small_patch14_reg4_dinov2", "vit"), ("test_vit", "vit"),
        ("deit_small_patch16_224", "vit"), ("resnet50.a1_in1k", "resnet"), ("resnetv2_50", "resnet"),
        ("resnext50_32x4d", "resnext"), ("tf_efficientnet_lite0", "efficientnet"),
        ("efficientnetv2_rw_s", "efficientnet"),
        ("convnextv2_tiny", "convnext"), ("swin_tiny_patch4_window7_224", "swin"), ("swinv2_tiny_window8_256", "swin"),
        ("densenet121", "densenet"), ("samvit_base_patch16", "samvit"), ("monai:SwinUNETR", "monai_swinunetr"),
        ("hf-hub:owner/vit_large_patch16_224", "vit"),
    ],
)  # fmt: skip
def test_families_of_networks(model, family):
    assert family_of(model) == family


def test_networks_are_named_without_the_tag_of_their_weights():
    names = ("resnet50.a1_in1k", "monai:SwinUNETR", "hf-hub:owner/vit_large_patch16_224")
    assert [model_title(name) for name in names] == ["resnet50", "SwinUNETR", "vit_large_patch16_224"]


def test_the_schema_of_a_study_has_its_arms_in_display_order():
    schema = study_schema(study({"b": PURE, "rad": CNN, "a": PURE, "odd": {"kind": "no_such"}, "none": None}))
    assert schema["properties"]["arms"]["properties"] == {
        "rad": {"$ref": "#/$defs/arm_baseline_cnn"}, "b": {"$ref": "#/$defs/arm_vit_pure"},
        "a": {"$ref": "#/$defs/arm_vit_pure"},
    }  # fmt: skip
    assert schema["$defs"]["arm_vit_pure"]["properties"]["kind"]["const"] == "vit_pure"
