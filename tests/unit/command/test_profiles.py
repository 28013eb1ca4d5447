"""Profiles that a run names: plugins that are missing, profiles that are, and cores of this machine."""

import pytest
import yaml

from sixgig.command import profiles, run
from sixgig.command.profiles import ProfileError, executor, profile_file
from sixgig.runtime.places import WORKFLOW

SLURM = str(WORKFLOW / "profiles/slurm")


@pytest.fixture
def installed(monkeypatch):
    """Names of the packages that are installed."""
    names: set[str] = set()
    monkeypatch.setattr(profiles, "find_spec", lambda name: name if name in names else None)
    return names


def test_a_missing_plugin_is_named_with_what_installs_it(installed):
    for options in (["--workflow-profile", SLURM], ["--workflow-profile=slurm"], ["--workflow-profile", "slurm", "-n"]):
        with pytest.raises(ProfileError) as error:
            executor(options)
        assert "needs Snakemake's plugin snakemake-executor-plugin-slurm, which is not installed" in str(error.value)
        assert "Next step: `make slurm` in a clone, or pip install snakemake-executor" in str(error.value)
    with pytest.raises(ProfileError, match="--executor: needs Snakemake's plugin snakemake-executor-plugin-lsf"):
        executor(["-e", "lsf"])
    with pytest.raises(ProfileError, match="snakemake-storage-plugin-gcs, which"):
        executor(["--default-storage-provider", "gcs"])


def test_an_installed_plugin_is_none_to_name(installed):
    installed.add("snakemake_executor_plugin_slurm")
    assert executor(["--workflow-profile", SLURM]) == "slurm"
    assert executor(["--workflow-profile", SLURM, "--executor", "local"]) == "local"
    assert executor([]) == executor(["--workflow-profile", "default"]) == executor(["--workflow-profile", "none"])


def test_a_profile_that_is_not_there_is_not_passed_over(tmp_path, monkeypatch):
    with pytest.raises(ProfileError, match="there is no such profile\n  Next step: name a folder, or one of default"):
        executor(["--workflow-profile", "profiles/slurmm"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text("executor: [slurm")
    with pytest.raises(ProfileError, match=r"mine/config.yaml: cannot be read"):
        executor(["--workflow-profile", "mine"])
    assert profile_file("slurm").parent == WORKFLOW / "profiles/slurm"


def test_cores_of_this_machine_are_no_limit_for_jobs_elsewhere(tmp_path):
    assert "--cores" in run.snakemake_command(tmp_path / "s.yaml", [])
    assert "--cores" not in run.snakemake_command(tmp_path / "s.yaml", ["--workflow-profile", SLURM], elsewhere=True)


@pytest.mark.parametrize("name", ["slurm", "kubernetes", "s3"])
def test_profiles_leave_triggers_and_outcomes_as_they_are(name):
    ours, default = (
        yaml.safe_load((WORKFLOW / f"profiles/{folder}/config.yaml").read_text()) for folder in (name, "default")
    )
    for key in ("rerun-triggers", "rerun-incomplete", "keep-going", "show-failed-logs", "max-checksum-file-size"):
        assert ours[key] == default[key]
    if name == "s3":
        assert ours["default-storage-provider"] == "s3"
        assert ours["resources"] == default["resources"]
    else:  # a job that was killed is tried again with more
        assert (ours["executor"], ours["retries"]) == (name, 2)
        assert {"mem_mb=1500 * attempt", "runtime=60 * attempt"} <= set(ours["default-resources"])
