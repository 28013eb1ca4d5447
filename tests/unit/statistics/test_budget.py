import numpy as np
import pandas as pd
import pytest

from sixgig.statistics.budget import method_costs, pareto_front, weigh_budget
from sixgig.tables.costs import COSTS
from sixgig.tables.scores import SUMMARY

NAN = float("nan")


@pytest.mark.parametrize(
    ("costs", "values", "front"),
    [
        ([1, 2, 3], [0.5, 0.6, 0.7], [True, True, True]),
        ([1, 2, 3], [0.7, 0.6, 0.5], [True, False, False]),
        ([1, 1, 2], [0.5, 0.6, 0.6], [False, True, False]),  # equal cost, and equal score
        ([1, 1, 2], [0.6, 0.6, 0.7], [True, True, True]),  # equal in both: both stay
        ([2, 1, 1], [0.6, 0.7, 0.7], [False, True, True]),
        ([NAN, 2, 3], [0.9, 0.6, NAN], [False, True, False]),
        ([], [], []),
    ],
)
def test_pareto_front(costs, values, front):
    assert pareto_front(costs, values) == front
    assert pareto_front(costs, [-value for value in values], higher_is_better=False) == front


def test_pareto_front_by_definition():
    rng = np.random.default_rng(3)
    cost, score = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    dominated = [
        any(c <= cost[i] and s >= score[i] and (c, s) != (cost[i], score[i]) for c, s in zip(cost, score, strict=True))
        for i in range(40)
    ]
    assert pareto_front(cost.tolist(), score.tolist()) == [not value for value in dominated]


def costs(device="cpu", vram=0.0):
    """The stages of a study of two cohorts; vit_sparse codes the features of vit_pure."""
    rows = [
        ("c", None, "prepare", 100.0, 50.0, "cpu"),
        ("c", "vit_pure", "encode", 10.0, 900.0, device),
        ("c", "vit_pure", "classify:svm", 1.0, 400.0, "cpu"),
        ("c", "vit_pure", "classify:src", 5.0, 300.0, "cpu"),
        ("c", "vit_sparse", "encode", 2.0, 500.0, device),
        ("c", "vit_sparse", "classify:svm", 0.5, 400.0, "cpu"),
        ("c", "vit_mim", "pretrain", 200.0, 1500.0, device),
        ("c", "vit_mim", "encode", 11.0, 901.0, "cpu"),
        ("c", "vit_mim", "classify:svm", 1.5, 400.0, "cpu"),
        ("c", "control_majority_class", "classify:majority_class", 0.1, 200.0, "cpu"),
        ("d", "vit_pure", "encode", 1000.0, 900.0, "cpu"),
    ]
    frame = pd.DataFrame(rows, columns=["cohort", "arm", "stage", "seconds", "peak_rss_mb", "device"])
    frame = frame.assign(images_per_second=None, batch_size=None)
    frame["peak_vram_mb"] = np.where(frame["device"] == "cuda", vram, 0.0)
    return COSTS.check(frame, "costs")


@pytest.mark.parametrize(
    ("arm", "classifier", "source", "seconds"),
    [
        ("vit_pure", "svm", None, (11.0, 0.0, 10.0, 1.0)),
        ("vit_pure", "src", "vit_small_patch14", (15.0, 0.0, 10.0, 5.0)),
        ("vit_sparse", "svm", "vit_pure", (12.5, 0.0, 12.0, 0.5)),
        ("vit_sparse", "svm", "vit_mim", (213.5, 200.0, 13.0, 0.5)),
        ("vit_mim", "svm", None, (212.5, 200.0, 11.0, 1.5)),
        ("control_majority_class", "majority_class", None, (0.1, 0.0, 0.0, 0.1)),
    ],
)
def test_a_method_is_charged_with_its_own_stages(arm, classifier, source, seconds):
    found = method_costs(costs(), "c", arm, classifier, source)
    names = ("seconds", "seconds_train", "seconds_encode", "seconds_classify")
    assert tuple(found[name] for name in names) == pytest.approx(seconds)


def test_peaks_and_devices():
    found = method_costs(costs("cuda", 3000.0), "c", "vit_mim", "svm")
    assert (found["peak_vram_mb"], found["peak_rss_mb"], found["device"]) == (3000.0, 1500.0, "cpu and cuda")
    assert method_costs(costs("cuda"), "c", "vit_pure", "svm")["device"] == "cuda"
    assert method_costs(costs(), "c", "control_majority_class", "majority_class")["device"] == "cpu"


def test_a_method_without_a_stage_costs_nothing_known():
    assert set(method_costs(costs(), "c", "baseline_cnn", "svm").values()) == {None}


ESTIMATES = {
    ("vit_pure", "svm"): 0.7,
    ("vit_pure", "src"): 0.6,
    ("vit_sparse", "svm"): 0.7,
    ("vit_mim", "svm"): 0.8,
    ("control_majority_class", "majority_class"): 0.5,
}
SIDECARS = {
    ("c", "vit_pure"): {"backbone": "vit_small", "n_features": 384},
    ("c", "vit_sparse"): {"backbone": "vit_pure", "n_features": 64},
    ("c", "vit_mim"): {"backbone": "vit_small", "n_features": 384},
}


def summary(estimates=ESTIMATES, metric="balanced_accuracy"):
    rows = [
        ("c", *method, metric, value, None, None, 40, "ok" if value is not None else "failed: why")
        for method, value in estimates.items()
    ]
    return SUMMARY.check(pd.DataFrame(rows, columns=SUMMARY.column_names[:9]), "summary")


def fronts(table):
    return {name: table[f"front_{name}"].fillna("").tolist() for name in ("seconds", "vram", "rss", "features")}


def test_fronts_of_a_cohort():
    table = weigh_budget(summary(), costs(), SIDECARS, "balanced_accuracy")
    assert fronts(table) == {
        "seconds": ["yes", "no", "no", "yes", ""],  # as good as vit_pure, and slower
        "vram": [""] * 5,  # nothing ran on a GPU
        "rss": ["yes", "no", "yes", "yes", ""],
        "features": ["no", "no", "yes", "yes", ""],
    }
    assert table["n_features"].tolist() == [384, 384, 64, 384, pd.NA]


def test_gpu_memory_has_a_front_when_all_arms_used_it():
    rows = summary({method: value for method, value in ESTIMATES.items() if method[0] != "vit_mim"})
    table = weigh_budget(rows, costs("cuda", 2000.0), SIDECARS, "balanced_accuracy")
    assert fronts(table)["vram"] == ["yes", "no", "yes", ""]
    table = weigh_budget(summary(), costs("cuda", 2000.0), SIDECARS, "balanced_accuracy")
    assert fronts(table)["vram"] == [""] * 5  # vit_mim was encoded on the CPU


def test_a_lower_brier_score_is_on_the_front():
    table = weigh_budget(summary(metric="brier"), costs(), SIDECARS, "brier")
    assert fronts(table)["seconds"] == ["yes", "yes", "no", "no", ""]


def test_a_failed_method_keeps_its_row_and_is_on_no_front():
    table = weigh_budget(summary(ESTIMATES | {("vit_mim", "svm"): None}), costs(), SIDECARS, "balanced_accuracy")
    row = table[table["arm"] == "vit_mim"].iloc[0]
    assert row["status"] == "failed: why"
    assert row["seconds"] == 212.5
    assert pd.isna(row["front_seconds"])


def test_an_arm_with_the_name_of_its_network_is_charged_once():
    """And one whose features are those of another arm with both, as its sidecar says."""
    table = costs()
    table = table.replace({"arm": {"vit_pure": "resnet50"}})
    facts = {"backbone": "resnet50", "weights": {"name": "w"}, "n_features": 4}
    rows = summary().replace({"arm": {"vit_pure": "resnet50"}})
    sidecars = {("c", "resnet50"): facts, ("c", "vit_sparse"): {"source_arm": "resnet50", "backbone": "resnet50"}}
    found = weigh_budget(rows, table, {**SIDECARS, **sidecars}, "balanced_accuracy").set_index("arm")["seconds_encode"]
    before = weigh_budget(summary(), costs(), SIDECARS, "balanced_accuracy").set_index("arm")["seconds_encode"]
    assert set(found["resnet50"]) == set(before["vit_pure"]) == {10.0}
    assert set(found[["vit_sparse"]]) == set(before[["vit_sparse"]]) == {12.0}
