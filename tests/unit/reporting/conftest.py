from __future__ import annotations

from pathlib import Path

import pytest

from sixgig.figures.catalogue import kinds_of, write_figures
from sixgig.results.study import Study
from tests.unit.reporting.fake_study import write_fake_study


@pytest.fixture(scope="session")
def drawn_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fake study of three cohorts with its figures drawn. Read only."""
    folder = write_fake_study(tmp_path_factory.mktemp("results") / "fake")
    study, figures = Study(folder), folder / "figures"
    write_figures(study, [figures / f"{kind.name}.svg" for kind in kinds_of(over_cohorts=True)])
    for cohort in study.cohorts:
        files = [figures / cohort / f"{kind.name}.svg" for kind in kinds_of(over_cohorts=False)]
        write_figures(study, files, cohort)
    return folder
