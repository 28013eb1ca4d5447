"""A network that an arm cannot use is refused while planning, with the arm's key, the reason and the next step."""

import sys

import pytest

from sixgig.errors import SixgigError
from sixgig.plan import asking
from sixgig.plan.asking import learn
from sixgig.plan.networks import check_networks
from sixgig.plan.questions import arm_questions


def study(arm, model, size=112, **options):
    defaults = {"weights": "w", "token": "mean" if arm == "vit_mim" else "cls"}
    return {
        "arms": {arm: defaults | options},
        "weights": {"w": {"model": model}},
        "image": {"size": size},
    }


FIT = [
    ("vit_pure", "vit_small_patch14_dinov2", "cls"),
    ("vit_pure", "swin_tiny_patch4_window7_224", "mean"),
    ("vit_pure", "samvit_base_patch16", "mean"),
    ("vit_pure", "vit_base_patch16_siglip_224", "pooled"),
    ("vit_pure", "resnet18", "mean"),
    ("vit_pure", "hf-hub:someone/something", "cls"),  # left to the weights stage
    ("baseline_cnn", "convnext_atto", "cls"),
    ("baseline_cnn", "vit_base_patch16_siglip_224", "cls"),
    ("vit_contrastive", "deit3_small_patch16_224", "cls"),
    ("vit_mim", "vit_small_patch14_reg4_dinov2", "cls"),
]
REFUSED = [
    ("vit_pure", "swin_tiny_patch4_window7_224", {}, r"vit_pure.token: is cls, and swin.*\n.*use token: mean"),
    ("vit_pure", "samvit_base_patch16", {}, r"token: is cls, .* 49 positions and 256 channels.*\n.*token: mean"),
    ("vit_pure", "vit_base_patch16_siglip_224", {"token": "cls_mean"}, r"is cls_mean, .* 49 tokens.*no class"),
    ("vit_pure", "coat_tiny", {"size": 64}, r"arms.vit_pure.weights: coat_tiny gives a list.*\n.*token: pooled"),
    ("vit_pure", "pit_ti_224", {"token": "mean"}, r"arms.vit_pure.token: is mean, and pit_ti_224 gives no patches"),
    ("vit_pure", "gcvit_xxtiny", {}, r"arms.vit_pure.weights: timm model gcvit_xxtiny does not take .*\n.*to 224"),
    ("baseline_cnn", "gcvit_xxtiny", {}, r"arms.baseline_cnn.weights: .* does not take RGB images of 112 px"),
    ("baseline_cnn", "monai:SwinUNETR", {}, r"baseline_cnn.weights: .*a network for volumes.*\n.*encodes volumes"),
    ("vit_contrastive", "resnet18", {}, r"vit_contrastive.weights: the arm cannot train resnet18: .*\n.*choose"),
    ("vit_contrastive", "vit_small_patch16_dinov3", {}, r"cannot train vit_small_patch16_dinov3: .* is a Eva"),
    ("vit_contrastive", "vit_base_patch16_clip_224", {}, r"cannot train .*normalisation before the first block"),
    ("vit_contrastive", "vit_small_patch32_224", {"local_steps": 5}, r"local_steps: .*7 x 7 .* has 3 x 3"),
    ("vit_contrastive", "vit_small_patch16_224", {"local_steps": 5, "reference_regions": True}, r"8 x 8.* 7 x 7"),
    ("vit_mim", "swin_tiny_patch4_window7_224", {}, r"vit_mim.weights: the arm cannot train .*SwinTransformer"),
    ("vit_mim", "vit_base_patch16_siglip_224", {}, r"cannot train .*attn_pool"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def asked_at_once(tmp_path_factory):
    """One process looks at all these networks."""
    studies = [study(arm, model, token=token) for arm, model, token in FIT]
    studies += [study(arm, model, **options) for arm, model, options, _ in REFUSED]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        learn(question for config in studies for question in arm_questions(config).values())
        yield


@pytest.mark.parametrize(("arm", "model", "token"), FIT)
def test_networks_that_fit_are_taken(arm, model, token):
    check_networks(study(arm, model, token=token))


@pytest.mark.parametrize(("arm", "model", "options", "message"), REFUSED)
def test_networks_that_do_not_fit_are_refused(arm, model, options, message):
    with pytest.raises(SixgigError, match=message):
        check_networks(study(arm, model, **options))


def test_usual_networks_are_planned_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # importing it fails
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(asking, "_in_a_process", lambda questions: pytest.fail(f"{questions} are asked"))
    for arm, model in (("vit_pure", "vit_small_patch14_dinov2"), ("vit_mim", "vit_base_patch16_224.augreg_in21k")):
        check_networks(study(arm, model))
    check_networks(study("baseline_cnn", "resnet50.a1_in1k"))
    check_networks(study("vit_contrastive", "vit_small_patch14_reg4_dinov2"))
