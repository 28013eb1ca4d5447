"""One job at a time on a card, however many Snakemake starts; real studies, and the CPU stands in for the card."""

import json
import os
import subprocess
import sys
import uuid
from itertools import pairwise
from pathlib import Path

import yaml
from conftest import ENVIRONMENT, ROOT

from sixgig.gpu.lock import lock_path

HOOK = Path(__file__).parent / "card_hook"


def start(folder, config, card, times):
    """Start a study's features, four jobs at a time on a profile that would allow four on the card."""
    (folder / "tmp").mkdir(parents=True)
    (folder / "bin").mkdir()
    smi = folder / "bin" / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\necho 'GPU-{card}, 812, 97, 74, [N/A], 6144, NVIDIA GeForce RTX 3050'\n")
    smi.chmod(0o755)
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    variables = ENVIRONMENT | {
        "PATH": f"{folder / 'bin'}:{ENVIRONMENT['PATH']}",
        "SIXGIG_WARM": "0",  # the hook changes modules before a script imports them
        "PYTHONPATH": os.pathsep.join([str(HOOK), str(ROOT)]),
        "TMPDIR": str(folder / "tmp"),
        "CARD": card,
        "CARD_TIMES": str(times),
    }
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder),
        "--configfile", str(folder / "study.yaml"), "--cores", "4", "--resources", "gpu=4", "--set-threads",
        "encode_images=1", "obtain_cohort=1", "prepare_cohort=1", "--", "features",
    ]  # fmt: skip
    with (folder / "output").open("w") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=variables)


def test_jobs_of_two_studies_at_once_never_share_the_card(tmp_path, small_config):
    arms = {"vit_pure": small_config["arms"]["vit_pure"]}
    config = {**small_config, "arms": arms, "controls": {"random_vit": True, "majority_class": False}}
    config["gpu"] = {"monitor": "nvidia_smi"}
    card, times = f"test-{uuid.uuid4()}", tmp_path / "times"
    times.mkdir()
    try:
        runs = [start(tmp_path / name, config, card, times) for name in ("one", "two")]
        codes = [run.wait() for run in runs]
    finally:
        lock_path(card).unlink(missing_ok=True)
    assert codes == [0, 0], "".join((tmp_path / name / "output").read_text()[-4000:] for name in ("one", "two"))
    intervals = sorted(tuple(map(float, file.read_text().split())) for file in times.iterdir())
    intervals.sort(key=lambda interval: interval[1])
    assert len(intervals) == 4  # two arms in each study
    assert all(ended <= began for (_, _, ended), (_, began, _) in pairwise(intervals))
    assert any(asked < ended for (_, _, ended), (asked, _, _) in pairwise(intervals))  # somebody had to wait

    results = tmp_path / "one/results/tiny"  # the study file's monitor has reached the jobs
    watched = json.loads((results / "features/brats_phantom/vit_pure.json").read_text())["gpu"]
    assert (watched["monitor"], watched["temperature_peak_celsius"]) == ("nvidia_smi", 74)
    assert not {"problem", "power_mean_watt"} & set(watched)
    series = results / "benchmarks/encode_images/brats_phantom.vit_pure.gpu.csv"
    assert series.read_text().splitlines()[1].endswith(",812,97,74,")
