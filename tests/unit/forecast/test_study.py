"""What jobs take: operations over rates, bytes over speeds, and batches that fit."""

import math
from dataclasses import replace

import pytest

from sixgig.forecast.base import JobKey
from sixgig.forecast.cards import machine_with_card
from sixgig.forecast.needs import needs_of
from sixgig.forecast.stages import Stages
from sixgig.forecast.study import assumptions, forecast_study
from sixgig.gpu.work import ALLOCATOR_MB, CONTEXT_MB, encoding_memory
from sixgig.weights.sizes import network_size


def encoding(arm, cohort="elpv"):
    return JobKey("encode_images", f"{cohort}.{arm}")


@pytest.mark.parametrize("name", ["config", "laptop", "medmnist"])
def test_every_job_of_a_study_has_a_cost_and_its_place(plan_of, machine, name):
    plan = plan_of(name)
    costs, needs = forecast_study(plan, machine), needs_of(plan)
    assert set(costs) == set(needs)
    assert {need for needed in needs.values() for need in needed} <= set(costs)
    for cost in costs.values():
        assert cost.seconds > 0
        assert cost.rss_mb > 0
        assert math.isfinite(cost.seconds + cost.rss_mb + cost.vram_mb + cost.disk_mb + cost.download_mb)
        assert cost.basis in ("computed", "assumed")


def test_the_default_study_has_its_113_jobs(plan_of, machine):
    costs = forecast_study(plan_of(), machine)
    assert len(costs) == 113
    assert sum(job.rule == "classify_subjects" for job in costs) == 42
    assert {job.name for job in costs if job.rule == "pretrain_arm"} == {
        f"{cohort}.{arm}"
        for cohort in ("elpv", "brats_phantom", "acdc_phantom")
        for arm in ("vit_contrastive", "vit_mim")
    }


def test_the_control_of_every_family_costs_what_its_arm_does(plan_of, machine):
    costs = forecast_study(plan_of(), machine)
    for control, arm in (("control_random_efficientnet", "baseline_cnn"), ("control_random_vit", "vit_pure")):
        for cohort in ("elpv", "brats_phantom", "acdc_phantom"):
            assert costs[encoding(control, cohort)] == costs[encoding(arm, cohort)]


def test_encoding_takes_its_operations_over_the_rate(plan_of, machine):
    plan = plan_of()
    cost = forecast_study(plan, machine)[encoding("vit_pure")]
    images, size = 480, network_size("vit_small_patch14_dinov2", 112)
    # 16 images of 65 tokens reach 0.9 of the rate of a block; two cores are twice as fast as one.
    computing = images * size.flops / (100e9 * 2 * 0.9)
    reading = 0.8 + images * 3e-9 * 3 * 112**2
    assert cost.seconds == pytest.approx(1.0 + 2.0 + computing + reading, rel=1e-6)
    assert (cost.threads, cost.gpu, cost.vram_mb, cost.batch_size) == (2, True, 0.0, 16)


def test_a_slower_machine_takes_longer_in_proportion(plan_of, machine):
    plan, job = plan_of(), encoding("vit_pure")
    slower = forecast_study(plan, replace(machine, transformer_gflops=50.0))[job].seconds
    computing = 480 * network_size("vit_small_patch14_dinov2", 112).flops / (100e9 * 2 * 0.9)
    assert slower - forecast_study(plan, machine)[job].seconds == pytest.approx(computing, rel=1e-6)


def test_twice_the_steps_take_twice_as_long_besides_the_start(plan_of, machine):
    job = JobKey("pretrain_arm", "elpv.vit_mim")
    one, two, three = (forecast_study(plan_of(arms__vit_mim__steps=150 * n), machine)[job].seconds for n in (1, 2, 3))
    assert two - one == pytest.approx(three - two, rel=1e-9)
    assert two - one > 10


def test_on_a_card_the_batch_is_halved_until_it_fits(plan_of, machine, card):
    size = network_size("vit_small_patch14_dinov2", 112)
    state, item = encoding_memory(size, 112, "bfloat16")
    room = state + 5 * item + ALLOCATOR_MB + CONTEXT_MB
    small = replace(machine, card=replace(card, memory_mb=room))
    cost = forecast_study(plan_of(), small)[encoding("vit_pure")]
    assert cost.batch_size == 4
    assert cost.vram_mb == pytest.approx(state + 4 * item + ALLOCATOR_MB)


def test_the_limit_of_the_study_holds_on_a_larger_card(plan_of, machine, card):
    """On a real card held to these limits, training took 4 at a time, and the processor: see docs/gpu.md."""
    large, job = replace(machine, card=replace(card, memory_mb=80000.0)), JobKey("pretrain_arm", "brats2020.vit_mim")
    asked, held, none = (
        forecast_study(plan_of("laptop", arms__vit_mim__batch_size=32, gpu__memory_limit_mb=limit), large)[job]
        for limit in (6144, 3000, 1950)
    )
    assert (asked.batch_size, held.batch_size) == (32, 4)
    assert 2000 < held.vram_mb < 3000 < asked.vram_mb < 6144
    assert none.vram_mb == 0


def test_what_does_not_fit_at_all_is_computed_on_the_processor(plan_of, machine, card):
    tiny = replace(machine, card=replace(card, memory_mb=50.0))
    cost = forecast_study(plan_of(), tiny)[encoding("vit_pure")]
    assert cost.vram_mb == 0.0


def test_device_cpu_leaves_the_card_alone(plan_of, machine, card):
    with_card = replace(machine, card=card)
    assert forecast_study(plan_of(device="cpu"), with_card)[encoding("vit_pure")].vram_mb == 0
    assert forecast_study(plan_of(), with_card)[encoding("vit_pure")].vram_mb > 0


def test_the_laptop_study_is_planned_without_its_data(plan_of):
    plan, laptop = plan_of("laptop"), machine_with_card("RTX 3050 6GB Laptop")
    costs = forecast_study(plan, laptop)
    found = Stages(plan, laptop).amounts
    assert (found["brats2020"].amount.subjects, found["brats2020"].amount.images) == (369, 369 * 32)
    assert (found["acdc"].amount.subjects, found["acdc"].amount.volumes) == (150, 300)
    assert costs[JobKey("encode_images", "acdc.vit_pure")].basis == "assumed"
    said = " ".join(assumptions(plan, laptop))
    assert "369 subjects" in said
    assert "150 subjects" in said
    assert "data sheet" in said
    assert all(cost.vram_mb <= 6144 for cost in costs.values())


def test_the_limit_of_a_cohort_and_a_phantoms_subjects_are_counted(plan_of, machine):
    found = Stages(plan_of(), machine).amounts
    assert {name: amount.amount.images for name, amount in found.items()} == {
        "elpv": 480, "brats_phantom": 960, "acdc_phantom": 960,
    }  # fmt: skip
    assert {amount.basis for amount in found.values()} == {"computed"}


def test_what_is_fetched_takes_its_size_over_the_network(plan_of, machine):
    plan, job = plan_of("laptop"), JobKey("build_weights", "vit_base")
    cost = forecast_study(plan, machine)[job]
    assert cost.download_mb == pytest.approx(1.15 * 85798656 * 4 / 2**20)
    faster = forecast_study(plan, replace(machine, download_mb_s=20.0))[job]
    assert cost.seconds - faster.seconds == pytest.approx(cost.download_mb / 20)


def test_volumes_and_images_are_what_is_left_on_the_disk(plan_of, machine):
    cost = forecast_study(plan_of(), machine)[JobKey("prepare_cohort", "brats_phantom")]
    assert cost.disk_mb * 2**20 == pytest.approx(960 * 112 * 112 * 3 + 160 * 48**3 * 3 * 2)


def test_machine_code_is_made_once_when_none_is_kept(plan_of, machine, monkeypatch):
    plan = plan_of()
    kept = forecast_study(plan, machine)
    monkeypatch.setattr("sixgig.forecast.stages.Stages.compiled", False)
    longer = {job: cost.seconds - kept[job].seconds for job, cost in forecast_study(plan, machine).items()}
    assert {job: pytest.approx(seconds) for job, seconds in longer.items() if seconds} == {
        JobKey("code_features", "elpv.vit_sparse"): 6.0, JobKey("classify_subjects", "elpv.baseline_cnn.src"): 16.0,
    }  # fmt: skip
