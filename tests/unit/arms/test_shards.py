"""Jobs that encode a cohort side by side leave the features of one that encodes it alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sixgig.arms.run import encode_cohort, encode_shard, gather_cohort
from sixgig.arms.shards import Encoded, Part, read_shards, write_shard
from tests.unit.arms.test_arms import job, weights  # noqa: F401


def encode(encode_job, folder, of):
    shards = [Encoded(folder / f"{number}.npy", folder / f"{number}.json") for number in range(1, of + 1)]
    for number, shard in enumerate(shards, 1):
        encode_shard(replace(encode_job, part=Part(number, of)), shard)
    gather_cohort(encode_job, shards, folder / "f.npz", folder / "i.npy")
    return json.loads((folder / "f.json").read_text())


@pytest.mark.parametrize("of", [2, 3, 5])
def test_features_are_those_of_one_job_bit_for_bit(cohort, tmp_path, weights, of):  # noqa: F811
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    one = job(cohort, "vit_pure", weights["vit"], options={"batch_size": 3})
    encode_cohort(one, alone / "f.npz", alone / "i.npy")
    facts = encode(one, shared, of)
    for name in ("f.npz", "i.npy"):
        assert (alone / name).read_bytes() == (shared / name).read_bytes()
    whole = json.loads((alone / "f.json").read_text())
    measured = {"seconds", "images_per_second", "peak_rss_mb", "peak_vram_mb"}
    assert {key: value for key, value in facts.items() if key not in (*measured, "shards")} == {
        key: value for key, value in whole.items() if key not in measured
    }
    assert (facts["shards"], facts["n_images"], facts["status"]) == (of, 10, "ok")


@pytest.mark.parametrize(("n", "batch", "of"), [(10, 3, 2), (10, 3, 5), (64, 32, 2), (1, 8, 3), (100, 7, 4)])
def test_parts_are_whole_batches_and_hold_every_row_once(n, batch, of):
    parts = [Part(number, of).rows(n, batch) for number in range(1, of + 1)]
    assert [row for part in parts for row in range(n)[part]] == list(range(n))
    assert all(part.start % batch == 0 or part.start == n for part in parts)
    batches = [-(-(part.stop - part.start) // batch) for part in parts]
    assert max(batches) - min(batches) <= 1


def test_what_a_shard_gave_up_is_said_with_its_number_and_costs_are_added(tmp_path):
    shards = [Encoded(tmp_path / f"{number}.npy", tmp_path / f"{number}.json") for number in (1, 2, 3)]
    for number, (shard, device) in enumerate(zip(shards, ("cuda", "cpu", "cuda"), strict=True), 1):
        facts = {
            "fallbacks": ["no GPU memory: CPU"] if device == "cpu" else [],
            "device": device, "device_name": device.upper(), "dtype": "float32", "batch_size_used": 8 // number,
            "cost": {"seconds": 2.0 * number, "images_per_second": 1, "peak_vram_mb": number, "peak_rss_mb": 9},
        }  # fmt: skip
        write_shard(shard, np.full((4, 2), number, np.float32), facts)
    rows, facts = read_shards(shards)
    assert rows[:, 0].tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    assert facts["fallbacks"] == ["shard 2 of 3: no GPU memory: CPU"]
    assert (facts["device"], facts["batch_size_used"]) == ("cuda, cpu", 2)
    assert facts["cost"] == {"seconds": 12.0, "images_per_second": 1.0, "peak_vram_mb": 3, "peak_rss_mb": 9}


def test_an_arm_that_fails_in_a_shard_fails_as_in_one_job(cohort, tmp_path, weights):  # noqa: F811
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    broken = job(cohort, "vit_pure", cohort / "images.npy")
    encode_cohort(broken, alone / "f.npz", alone / "i.npy")
    facts = encode(broken, shared, 2)
    assert facts["status"] == json.loads((alone / "f.json").read_text())["status"]
    assert facts["status"].startswith("failed: ")
    assert np.load(shared / "i.npy").shape == (0, 0)
