"""Opens MLflow's pages for a study: ``python -m sixgig.telling.pages config/config.yaml``; also while it runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sixgig.errors import ConfigError, SixgigError
from sixgig.plan.config import complete
from sixgig.plan.study_file import read_study
from sixgig.plan.tracking import StudyTracking
from sixgig.tracking.store import open_store
from sixgig.tracking.target import Target


def command(study_file: Path, port: int) -> list[str]:
    """Return the command that serves a study's store on this machine.

    Args:
        study_file: The study file; results are in ``results/<study>`` of the working directory.
        port: Port on 127.0.0.1.

    Raises:
        SixgigError: There is nothing to show here, or the study file is wrong.
    """
    config = complete(read_study([study_file]).config)
    folder = Path("results") / config["study"]
    asked = StudyTracking(folder, config["tracking"]).asked
    target = Target.of(folder, asked)
    if target is None:
        raise ConfigError(study_file, "tracking.mlflow is false", "set it to true and run the study")
    if target.server:
        raise ConfigError(study_file, f"this study is tracked at {target.name}", "open that address in a browser")
    if not target.store.is_file():
        raise SixgigError(
            target.store,
            "is not there yet: nothing has been tracked",
            f"run the study first (make CONFIG={study_file}); the first training or the end of the study makes it",
        )
    open_store(target)  # as this release of MLflow has it, and without the paths of another place
    return [
        # One worker: four hold 1 GB of memory, and are replaced when a busy machine lets one answer late.
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{target.store.resolve()}",
        "--artifacts-destination", str(target.artifacts.resolve()),
    ]  # fmt: skip


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Open MLflow's pages for a study.")
    parser.add_argument("study", type=Path, help="the study file")
    parser.add_argument("--port", type=int, default=5000)
    given = parser.parse_args()
    try:
        found = command(given.study, given.port)
    except SixgigError as error:
        print(f"[mlflow] {error}", file=sys.stderr)
        return 1
    print(f"[mlflow] http://127.0.0.1:{given.port} (Ctrl-C stops it)", flush=True)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    return os.execv(found[0], found)


if __name__ == "__main__":
    sys.exit(main())
