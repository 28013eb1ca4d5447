"""Which Python runs an environment of its own, beside the one that runs sixgig."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sixgig.errors import ConfigError, EnvironmentMissingError
from sixgig.runtime.paths import user_path
from sixgig.runtime.places import IN_CLONE, WORKFLOW

#: Folder of the environments that `make` builds beside the Snakefile; for an installed package, the working directory.
VENVS = WORKFLOW if IN_CLONE else Path()
#: For every environment its folder there, what it is called, and the version of its Python.
ENVIRONMENTS = {"tensorflow1": (".venv-tf1", "TensorFlow 1", "3.7")}


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, and what a result may depend on.

    Attributes:
        environment: Name of the environment, in :data:`ENVIRONMENTS`.
        python: What to run: a path, or ``python`` inside a conda environment that Snakemake activates.
        state: Changes when another environment would be used; the same for every folder sixgig is cloned to.
        stanza: The stanza of the study file that asks for it.
    """

    environment: str
    python: str
    state: str
    stanza: str

    @property
    def missing(self) -> bool:
        """Whether the interpreter is known to be missing."""
        return self.state == "missing"

    def require(self) -> None:
        """Raise when the interpreter is known to be missing.

        Raises:
            EnvironmentMissingError: It is missing.
        """
        folder, title, version = ENVIRONMENTS[self.environment]
        if self.missing:
            arguments = f'"$PWD/{folder}" {version} envs/{self.environment}.txt'
            build = "make setup" if IN_CLONE else f"{sys.executable} {WORKFLOW}/envs/build.py {arguments}"
            raise EnvironmentMissingError(
                self.python,
                f"the {title} environment is missing",
                f"run `{build}`, which builds {folder}. To go on without it, choose another way out in "
                f"{self.stanza}.on_missing_environment",
            )


def find_interpreter(environment: str, setting: str, conda: bool, stanza: str = "arms") -> Interpreter:
    """Choose the interpreter of an environment.

    Args:
        environment: Its name, in :data:`ENVIRONMENTS`.
        setting: ``auto`` (conda's when Snakemake runs with conda, else the venv), ``conda``, or a path.
        conda: Whether Snakemake runs with ``--sdm conda``.
        stanza: The stanza of the study file that the setting comes from, for messages.

    Raises:
        ConfigError: ``conda`` is asked for and Snakemake runs without it.
    """
    if setting == "conda" and not conda:
        raise ConfigError(
            f"config key {stanza}.interpreter",
            "is conda, and Snakemake runs without it",
            "add --sdm conda to the command, or set the key to auto or to an interpreter's path",
        )
    if setting == "conda" or (setting == "auto" and conda):
        return Interpreter(environment, "python", "conda", stanza)
    if setting == "auto":
        folder = VENVS / ENVIRONMENTS[environment][0]
        python, stamp = folder / "bin" / "python", folder / ".ready"
        state = f"venv {stamp.read_text()[:16]}" if stamp.exists() else "missing"
        return Interpreter(environment, str(python), state, stanza)
    python = user_path(setting)
    state = f"{python}{_packages_state(python)}" if python.is_file() else "missing"
    return Interpreter(environment, str(python), state, stanza)


def _packages_state(python: Path) -> str:
    """Return what changes when a package is installed into, or removed from, the environment of an interpreter."""
    folders = sorted(python.parent.parent.glob("lib/python*/site-packages"))
    return "".join(f" {folder.stat().st_mtime_ns}" for folder in folders)
