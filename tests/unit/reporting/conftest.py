from __future__ import annotations

from pathlib import Path

import pytest

from sixgig.figures.catalogue import draw_all
from sixgig.results.study import Study
from tests.unit.reporting.fake_study import write_fake_study


@pytest.fixture(scope="session")
def drawn_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fake study of three cohorts with its figures drawn. Read only."""
    folder = write_fake_study(tmp_path_factory.mktemp("results") / "fake")
    draw_all(Study(folder), folder / "figures")
    return folder
