"""Jobs that prepare a cohort side by side leave the files of one that prepares it alone."""

from pathlib import Path

import numpy as np
import pytest

from sixgig.cohorts import preparation
from sixgig.cohorts.outcome import prepare_or_fail
from sixgig.cohorts.shards import Shard, members, prepare_shard
from sixgig.runtime.atomic import read_json, write_json

OPTIONS = {
    "adapter": "brats", "title": None, "modalities": ["flair", "t1ce", "t2"], "slices": {"count": 4},
    "volume": {"size": [6, 8, 10]}, "duplicates": "keep",
}  # fmt: skip
LOOK = {"image_size": 16, "seed": 5, "digest": "d", "workers": 1}


def prepare(root: Path, folder: Path, of: int) -> Path:
    source, output = folder / "source.json", folder / "cohorts" / "b"
    write_json(source, {"root": str(root)})
    shards = [Shard(*(folder / f"{number}.{name}" for name in Shard._fields)) for number in range(1, of + 1)]
    for number, shard in enumerate(shards, 1):
        prepare_shard(
            source, "b", OPTIONS, shard, shard=number, of=of, image_filter="bicubic", image_crop=None,
            checkpoints=folder / "checkpoints", **LOOK,
        )  # fmt: skip
    prepare_or_fail(
        source, output, OPTIONS, n_cohorts=2, shards=shards, max_quarantine_fraction=0.5, simulated=False,
        checkpoints=folder / "checkpoints", failed_list=folder / "failed.csv", **LOOK,
    )  # fmt: skip
    return output


def contents(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {path.name: path.read_bytes() for path in folder.iterdir()}
    facts = read_json(folder / "cohort.json")
    return found | {"cohort.json": {key: value for key, value in facts.items() if key != "cost"}}


@pytest.mark.parametrize("of", [2, 3])
def test_files_are_those_of_one_job_also_with_a_broken_subject(make_brats, tmp_path, monkeypatch, of):
    root = make_brats(["HGG", "LGG", "HGG", "LGG", None])
    next(root.rglob("*t1ce.nii*")).write_bytes(b"broken")
    (tmp_path / "alone").mkdir()
    (tmp_path / "shared").mkdir()
    alone = prepare(root, tmp_path / "alone", 0)
    read = []
    monkeypatch.setattr(preparation, "prepare_subject", lambda *given: read.append(given))
    shared = prepare(root, tmp_path / "shared", of)
    assert not read  # the job that gathers reads no image
    assert contents(shared) == contents(alone)
    assert len(np.load(shared / "volumes.npy")) == 4
    assert b"t1ce" in (shared / "quarantine.csv").read_bytes()
    facts = [read_json(tmp_path / "shared" / f"{number}.facts") for number in range(1, of + 1)]
    total = sum(one["seconds"] for one in facts)
    assert read_json(shared / "cohort.json")["cost"]["seconds"] > total


def test_what_is_wrong_with_the_cohort_is_said_once_by_the_job_that_gathers(tmp_path):
    (tmp_path / "empty").mkdir()
    output = prepare(tmp_path / "empty", tmp_path, 2)
    assert "holds no folder" in read_json(output / "cohort.json")["status"]


@pytest.mark.parametrize(("n", "of"), [(16, 3), (5, 5), (20000, 7)])
def test_every_subject_is_in_one_shard(n, of):
    shards = [members(n, number, of) for number in range(1, of + 1)]
    assert [place for shard in shards for place in shard] == list(range(n))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
