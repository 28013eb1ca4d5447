"""A study with several seeds: its jobs, their seeds, and what they read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sixgig.arms.seeds import arm_and_seed, seed_name, seed_of, spoken
from sixgig.errors import ConfigError
from sixgig.forecast.base import JobKey
from sixgig.forecast.needs import needs_of
from sixgig.forecast.rates import REFERENCE
from sixgig.forecast.study import forecast_study
from sixgig.plan.outputs import hashed_files
from sixgig.plan.plan import Plan

ROOT = Path(__file__).resolve().parents[3]
DRAW = ["vit_contrastive", "vit_mim", "vit_sparse", "control_random_efficientnet", "control_random_vit"]


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def three(config):
    config["evaluation"] = {**config.get("evaluation", {}), "seeds": 3}
    return Plan(config, look=False)


def test_what_draws_runs_once_for_every_seed_and_frozen_networks_once(three):
    assert {arm: len(three.runs_of(arm)) for arm in three.arms} == {
        **dict.fromkeys(DRAW, 3), "baseline_cnn": 1, "vit_pure": 1,
    }  # fmt: skip
    assert three.runs_of("vit_mim") == ["vit_mim", "vit_mim-seed1", "vit_mim-seed2"]
    assert "vit_mim-seed2" in three.pretrained_arms
    assert len(three.trained_keys) == 3 * 2 * 3  # cohorts, arms, seeds
    assert "results/default/pretraining/elpv/vit_mim-seed2.gate.json" in hashed_files(three)
    assert len(three.targets("classify")) == 3 * ((2 + 5 * 3) * 2 + 1)
    assert len(three.method_keys) == 3 * 15  # tables name arms


def test_every_seed_has_another_number_and_the_first_is_the_studys(three):
    seeds = [three.seed_for(run) for run in three.runs_of("vit_mim")]
    assert seeds[0] == three.seed
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(1, 1) != seed_of(0, 2) != seed_of(0, 1)
    assert three.seed_for("vit_pure") == three.seed


def test_codes_of_a_trained_arm_read_the_same_seed(config):
    config["arms"]["vit_sparse"]["source"] = "vit_mim"
    config["evaluation"] = {"seeds": 2}
    plan = Plan(config, look=False)
    assert plan.source_arm("vit_sparse") == "vit_mim"
    assert plan.source_arm("vit_sparse-seed1") == "vit_mim-seed1"
    config["arms"]["vit_sparse"]["source"] = "vit_pure"  # frozen: one network for all dictionaries
    assert Plan(config, look=False).source_arm("vit_sparse-seed1") == "vit_pure"


def test_with_one_seed_nothing_has_another_name(config):
    plan = Plan(config, look=False)
    config["evaluation"] = {**config.get("evaluation", {}), "seeds": 1}
    one = Plan(config, look=False)
    assert hashed_files(plan) == hashed_files(one)
    assert plan.runs == plan.arms
    assert (plan.arm_runs, plan.method_runs) == (plan.arm_keys, plan.method_keys)


def test_names_of_runs_are_no_names_of_arms(config):
    assert seed_name("vit_mim", 0) == "vit_mim"
    assert arm_and_seed("vit_mim-seed12") == ("vit_mim", 12)
    assert arm_and_seed("vit_mim_seed1") == ("vit_mim_seed1", 0)
    assert spoken("vit_mim-seed1") == "vit_mim (seed 1)"
    config["arms"]["vit-seed1"] = {**config["arms"]["vit_pure"], "kind": "vit_pure"}
    with pytest.raises(ConfigError):
        Plan(config, look=False)


def test_a_forecast_counts_every_seed(config, three):
    jobs, needs = forecast_study(three, REFERENCE), needs_of(three)
    assert set(jobs) == set(needs)
    once = forecast_study(Plan({**config, "evaluation": {}}, look=False), REFERENCE)
    training = [job for job in jobs if job.rule == "pretrain_arm"]
    assert len(training) == 3 * sum(job.rule == "pretrain_arm" for job in once)
    assert needs[JobKey("encode_images", "elpv.vit_mim-seed1")] >= {JobKey("pretrain_arm", "elpv.vit_mim-seed1")}
    assert JobKey("classify_subjects", "elpv.vit_mim-seed1.svm") in needs[JobKey("score_predictions")]
    assert JobKey("classify_subjects", "elpv.vit_mim-seed1.svm") in needs[JobKey("compare_subjects")]


def test_label_fractions_with_seeds_are_refused_while_planning(config):
    config["evaluation"] = {"seeds": 2, "fractions": [0.5]}
    with pytest.raises(ConfigError, match="label-fraction curve") as caught:
        Plan(config, look=False)
    assert caught.value.place == "config key evaluation.seeds"
