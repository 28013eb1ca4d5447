"""Which Python runs the TensorFlow 1 environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sixgig.errors import ConfigError, EnvironmentMissingError
from sixgig.runtime.places import IN_CLONE, WORKFLOW

#: The environment that `make` builds beside the Snakefile; of an installed package, the one in the working directory.
VENV = (WORKFLOW if IN_CLONE else Path()) / ".venv-tf1"
_KEY = "config key arms.vit_contrastive.interpreter"
_COMMAND = (
    "make setup" if IN_CLONE else f'{sys.executable} {WORKFLOW}/envs/build.py "$PWD/.venv-tf1" 3.7 envs/tensorflow1.txt'
)
_BUILD = (
    f"run `{_COMMAND}`, which builds .venv-tf1 (Python 3.7, TensorFlow 1.15.5). To go on without it, set "
    "arms.vit_contrastive.on_missing_environment to torch (the same method in PyTorch) or skip"
)


@dataclass(frozen=True)
class Interpreter:
    """An interpreter, and what a result may depend on.

    Attributes:
        python: What to run: a path, or ``python`` inside a conda environment that Snakemake activates.
        state: Changes when another environment would be used; the same for every folder sixgig is cloned to.
    """

    python: str
    state: str

    @property
    def missing(self) -> bool:
        """Whether the interpreter is known not to be there."""
        return self.state == "missing"

    def require(self) -> None:
        """Raise when the interpreter is known not to be there.

        Raises:
            EnvironmentMissingError: It is not.
        """
        if self.missing:
            raise EnvironmentMissingError(self.python, "the TensorFlow 1 environment is missing", _BUILD)


def tensorflow1_interpreter(setting: str, conda: bool) -> Interpreter:
    """Choose the interpreter of the TensorFlow 1 environment.

    Args:
        setting: ``auto`` (conda's when Snakemake runs with conda, else the venv), ``conda``, or a path.
        conda: Whether Snakemake runs with ``--sdm conda``.

    Raises:
        ConfigError: ``conda`` is asked for and Snakemake runs without it.
    """
    if setting == "conda" and not conda:
        raise ConfigError(
            _KEY,
            "is conda, and Snakemake runs without it",
            "add --sdm conda to the command, or set the key to auto or to an interpreter's path",
        )
    if setting == "conda" or (setting == "auto" and conda):
        return Interpreter("python", "conda")
    if setting == "auto":
        python, stamp = VENV / "bin" / "python", VENV / ".ready"
        return Interpreter(str(python), f"venv {stamp.read_text()[:16]}" if stamp.exists() else "missing")
    python = Path(setting).expanduser()
    return Interpreter(str(python), str(python) if python.is_file() else "missing")
