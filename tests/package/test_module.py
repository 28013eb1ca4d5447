"""The workflow as a module of another Snakefile."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = """
configfile: "study.yaml"

module sixgig:
    snakefile: "{snakefile}"
    config: config

use rule * from sixgig as sixgig_*

rule mine:
    default_target: True
    input: rules.sixgig_all.input
    output: "mine.txt"
    shell: "touch {{output}}"
"""


def snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_catalogue_finds_the_workflow_where_it_looks(tmp_path):
    catalogue = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert catalogue["usage"]["software-stack-deployment"] == {"conda": True}
    assert (ROOT / "config/README.md").is_file()
    profile = ["--workflow-profile", str(ROOT / "profiles/default")]
    planned = snakemake(tmp_path, "-n", "--snakefile", str(ROOT / "workflow/Snakefile"), *profile)
    assert planned.returncode == 0, planned.stdout[-3000:] + planned.stderr[-3000:]
    assert "write_report " in planned.stdout


def test_another_snakefile_uses_every_rule(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(snakefile=ROOT / "Snakefile"))
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    phantom = {"phantom": {"kind": "acdc", "subjects": 40, "shape": [40, 40, 10], "spacing": 4.0}}
    study["cohorts"]["acdc_phantom"]["source"] = phantom
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    planned = snakemake(tmp_path, "-n")
    assert planned.returncode == 0, planned.stdout[-3000:] + planned.stderr[-3000:]
    for job in ("sixgig_pretrain_arm ", "sixgig_write_report ", "mine "):
        assert f"\n{job}" in planned.stdout
    assert "\nsixgig_check_" in planned.stdout.replace("sixgig_check_leakage", "")  # an environment of its own
    done = snakemake(tmp_path, "results/default/cohorts/acdc_phantom/source.json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
