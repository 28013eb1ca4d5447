"""Where the workflow's files lie: beside the package in a clone, inside the package when it is installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
#: Whether the package runs from a clone.
IN_CLONE = (PACKAGE.parent / "Snakefile").is_file()
#: Folder of the Snakefile, and of rules, scripts, profiles, report, envs and config.
WORKFLOW = PACKAGE.parent if IN_CLONE else PACKAGE / "workflow"
#: For the PYTHONPATH of another environment: this package, and none of the packages installed beside it.
IMPORT_PATH = PACKAGE / "runtime" / "alone"
