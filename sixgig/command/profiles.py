"""Profiles of Snakemake that a run names: where they are, where jobs run, and whether plugins are installed.

Snakemake passes over a workflow profile that it does not find, and of a plugin that is missing it says that its name is
no valid choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sixgig.command.option_values import option_value
from sixgig.errors import SixgigError
from sixgig.runtime.places import WORKFLOW

#: Executors that are part of Snakemake, whose jobs run here.
LOCAL = ("local", "dryrun", "touch")
_PROFILES = WORKFLOW / "profiles"
_ENVIRONMENTS = WORKFLOW / "envs"
_FILES = ("config.yaml", "config.v8+.yaml", "config.v9+.yaml", "profile.yaml")


class ProfileError(SixgigError):
    """A profile is missing, cannot be read, or needs a plugin that is not installed."""


def executor(options: Sequence[str]) -> str:
    """Return the executor that options of Snakemake name, themselves or in their workflow profile.

    Raises:
        ProfileError: There is no such profile, its executor or its storage needs a plugin that is not installed.
    """
    name = option_value(options, "--workflow-profile")
    file = None if name in (None, "", "none") else profile_file(str(name))
    settings = {} if file is None else _settings(file)
    runs = option_value(options, "-e", "--executor") or settings.get("executor") or "local"
    keeps = option_value(options, "--default-storage-provider") or settings.get("default-storage-provider")
    place = "--executor" if file is None else file
    if runs not in LOCAL:
        _require(place, "executor", str(runs))
    if keeps:
        _require(place, "storage", str(keeps))
    return str(runs)


def profile_file(name: str) -> Path:
    """Return the file of a workflow profile, where Snakemake looks for it: a path, or the name of a packaged one."""
    places = (Path(name), Path("profiles") / name, _PROFILES / name)
    for place in places:
        if place.is_file():
            return place
        for file in _FILES:
            if (place / file).is_file():
                return place / file
    packaged = ", ".join(sorted(folder.name for folder in _PROFILES.iterdir() if folder.is_dir()))
    raise ProfileError(f"--workflow-profile {name}", "there is no such profile", f"name a folder, or one of {packaged}")


def _settings(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = f"cannot be read: {' '.join(str(error).split())}"
        raise ProfileError(file, reason, "correct it; profiles/slurm/config.yaml is an example") from None
    return found if isinstance(found, dict) else {}


def _require(place: object, kind: str, name: str) -> None:
    what = "executor" if kind == "executor" else "storage"
    package = f"snakemake-{what}-plugin-{name}"
    if find_spec(package.replace("-", "_")) is not None:
        return
    lock = _ENVIRONMENTS / f"{name}.txt"
    step = f"`make {name}` in a clone, or pip install {package}" if lock.is_file() else f"pip install {package}"
    raise ProfileError(place, f"needs Snakemake's plugin {package}, which is not installed", step)
