"""What label-fraction curves took stands in costs.csv, and is charged to no method."""

from sixgig.runtime.atomic import write_json
from sixgig.statistics.budget import method_costs
from sixgig.statistics.costs import collect_costs
from sixgig.tables.costs import COSTS


def cost(stage, seconds):
    measured = {"peak_vram_mb": 0.0, "peak_rss_mb": 9.0, "images_per_second": None, "batch_size": None}
    return {"stage": stage, "seconds": seconds, "device": "cpu", **measured}


def test_curves_have_a_row_each_and_no_method_pays_for_them(tmp_path):
    files = {name: tmp_path / f"{name}.json" for name in ("cohort", "svm", "src", "curve")}
    write_json(files["cohort"], {"cost": cost("prepare", 1.0)})
    write_json(files["svm"], {"cost": cost("classify:svm", 4.0)})
    write_json(files["src"], {"cost": cost("classify:src", 8.0)})
    write_json(files["curve"], {"cost": cost("fractions:svm", 16.0), "fractions": []})
    sidecar = {"seconds": 2.0, "images_per_second": 4.0, "peak_vram_mb": 0.0, "peak_rss_mb": 8.0, "device": "cpu"}
    write_json(tmp_path / "sidecar.json", sidecar | {"batch_size_used": 4})
    key = ("c", "vit_pure", "svm")
    table = collect_costs(
        {("c",): files["cohort"]}, {}, {("c", "vit_pure"): tmp_path / "sidecar.json"},
        {key: files["svm"], ("c", "vit_pure", "src"): files["src"]}, {key: files["curve"]},
    )  # fmt: skip
    table = COSTS.check(table, "costs")
    assert table[["stage", "seconds"]].to_numpy().tolist() == [
        ["prepare", 1.0], ["encode", 2.0], ["classify:svm", 4.0], ["classify:src", 8.0], ["fractions:svm", 16.0],
    ]  # fmt: skip
    assert method_costs(table, *key)["seconds"] == 6.0
    assert method_costs(table, "c", "vit_pure", "src")["seconds"] == 10.0
