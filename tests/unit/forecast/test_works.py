"""What arms and classifiers say of their own work: operations, fits and memory, by hand."""

from dataclasses import replace

import pytest

from sixgig.arms.registry import arm_names, get_arm
from sixgig.classifiers.registry import alone, check_options, classifier_names
from sixgig.forecast.works import work_of
from sixgig.gpu.work import Amount
from sixgig.mim.budget import predict
from sixgig.mim.sliding import sliding_positions
from sixgig.weights.sizes import network_size

SMALL = network_size("vit_small_patch14_dinov2", 112)
SLICES = Amount(subjects=40, images=400, volumes=40, pretraining=0.25, volumetric=True, image_size=112,
                volume_size=(16, 64, 64), channels=1)  # fmt: skip


def of(arm):
    found = work_of(get_arm(arm).__module__)
    assert found is not None
    return found


def test_every_arm_that_is_trained_tells_its_work():
    trained = [name for name in arm_names() if hasattr(get_arm(name), "pretrain")]
    assert trained
    assert all(hasattr(of(name), "training") for name in trained)


def test_classifiers_that_search_tell_their_fits():
    found = {name: work_of(f"sixgig.classifiers.{name}.classifier") for name in classifier_names()}
    assert {name for name, module in found.items() if module is None} == {"majority_class"}
    assert all(module.seconds and module.memory_mb for module in found.values() if module is not None)


def test_contrastive_training_goes_forward_once_and_back_twice_through_what_learns(plan_of):
    options = plan_of().arm_options("vit_contrastive")
    work = of("vit_contrastive").training(options, SLICES, SMALL, "float32")
    images, trained = 8 * 4, 4 / 12  # g_d sees four images for each of eight; 8 of 12 blocks are frozen
    steps = 40 * images * (1 + 2 * trained)
    measured = 2 * (4 * images + 200)  # held-out batches and evidence, before and after
    assert work.flops == pytest.approx((steps + measured) * SMALL.flops)
    assert work.batch == images


def test_flat_images_have_two_views_and_the_evidence_looks_at_both(plan_of):
    options = plan_of().arm_options("vit_contrastive")
    flat = replace(SLICES, volumetric=False, volumes=0)
    work = of("vit_contrastive").training(options, flat, SMALL, "float32")
    assert work.flops == pytest.approx((40 * 16 * (1 + 2 / 3) + 2 * (4 * 16 + 400)) * SMALL.flops)


def test_masked_training_takes_what_its_own_budget_predicts(plan_of):
    module, plan = of("vit_mim"), plan_of()
    options = plan.arm_options("vit_mim", "acdc_phantom")
    work = module.training(options, SLICES, SMALL, "float32")
    step = predict(*module._sizes(options, SLICES, SMALL, "float32"))
    forward = step.flops_per_step / 8 / 3
    assert work.flops == pytest.approx(150 * step.flops_per_step + 2 * 64 * forward)
    assert work.peaks[8] == step.memory_mb
    assert sorted(work.peaks) == [1, 2, 4, 8]


def test_volumes_are_encoded_crop_by_crop(plan_of):
    module, plan = of("vit_mim"), plan_of()
    options = plan.arm_options("vit_mim", "acdc_phantom")
    one = module.encoding(options, SLICES, SMALL, "float32")
    four = module.encoding(options, replace(SLICES, volume_size=(16, 112, 112)), SMALL, "float32")
    assert four.flops == pytest.approx(4 * one.flops)
    for size in ((16, 65, 64), (40, 160, 113), (33, 64, 64)):
        crops = len(sliding_positions(size, options["crop"]))
        many = module.encoding(options, replace(SLICES, volume_size=size), SMALL, "float32")
        assert many.flops == pytest.approx(crops * one.flops)
    assert module.encoding(plan.arm_options("vit_mim", "elpv"), SLICES, SMALL, "float32") is None


def test_searches_grow_with_folds_candidates_and_samples(plan_of):
    options = plan_of().config["classifiers"]
    svm, src = (work_of(f"sixgig.classifiers.{name}.classifier") for name in ("svm", "src"))
    few = {"samples": 100, "features": 64, "folds": 5, "inner": 3, "classes": 2}
    for module, name in ((svm, "svm"), (src, "src")):
        base = module.seconds(options[name], **few)
        more = module.seconds(options[name], **few | {"folds": 10})
        most = module.seconds(options[name], **few | {"folds": 20})
        assert 0 < base < more < most
        assert module.seconds(options[name], **few | {"samples": 4000}) > 5 * base
    narrow = svm.seconds(options["svm"] | {"kernels": ["linear"]}, **few)
    wide = svm.seconds(options["svm"], **few)
    load = svm._LOAD
    # 3 inner folds of 4 linear candidates and 4 further fits, against 16 candidates.
    assert (wide - load) / (narrow - load) == pytest.approx((3 * 16 + 4) / (3 * 4 + 4), rel=0.02)
    assert svm.memory_mb(4000, 64) > svm.memory_mb(1000, 64)


@pytest.mark.parametrize("name", [name for name in classifier_names() if not alone(name)])
def test_every_classifier_takes_longer_and_holds_more_where_there_is_more(name):
    module, options = work_of(f"sixgig.classifiers.{name}.classifier"), check_options(name, {})
    few = {"samples": 100, "features": 64, "folds": 5, "inner": 3, "classes": 2}
    base = module.seconds(options, **few)
    assert (
        0
        < base
        < module.seconds(options, **few | {"folds": 25})
        < module.seconds(options, **few | {"folds": 25, "samples": 4000})
    )
    assert 0 < module.memory_mb(100, 64) < module.memory_mb(4000, 64) < module.memory_mb(4000, 2048)


def test_the_linear_probe_is_fitted_for_every_penalty_in_every_inner_fold():
    module, options = work_of("sixgig.classifiers.logistic.classifier"), check_options("logistic", {"C": [1]})
    few = {"samples": 100, "features": 8, "folds": 5, "inner": 3, "classes": 2}
    one, three = (module.seconds(options | {"C": C}, **few) - module._LOAD for C in ([1], [1, 2, 3]))
    assert three / one == pytest.approx((3 * 3 + 4) / (3 + 4), rel=0.01)


def test_attention_takes_longer_and_holds_more_with_more_images():
    module, options = work_of("sixgig.classifiers.mil.classifier"), check_options("mil", {})
    few = {"samples": 100, "features": 384, "folds": 5, "inner": 3, "classes": 2}
    assert module.seconds(options, **few, images=10) < module.seconds(options, **few, images=100)
    assert module.memory_mb(100, 384, images=10) < module.memory_mb(100, 384, images=100)
