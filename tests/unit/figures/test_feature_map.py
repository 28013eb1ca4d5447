"""The figure of the map of features: panels by class, and by each group of subjects that the study asks for."""

import pandas as pd
import pytest
from matplotlib.text import Text

from sixgig.figures.catalogue import draw_figure
from sixgig.results.study import Study
from sixgig.tables.groups import SUBJECT_GROUPS
from tests.unit.reporting.fake_study import write_fake_study

COHORT = "elpv"


@pytest.fixture
def study(tmp_path):
    return Study(write_fake_study(tmp_path / "fake", cohorts=(COHORT,)))


def with_sites(study, sites):
    """Deal the subjects to sites in turn; None for one that nothing is known of."""
    subjects = study.feature_map["subject_id"].unique()
    rows = [(name, "site", sites[place % len(sites)]) for place, name in enumerate(subjects)]
    table = SUBJECT_GROUPS.check(pd.DataFrame(rows, columns=SUBJECT_GROUPS.column_names), "groups")
    study.subject_groups = lambda cohort: table


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_study_without_groups_is_drawn_by_class_alone(study):
    said = words(draw_figure(study, "feature_map", COHORT))
    assert [text for text in said if text.startswith("ELPV")] == [
        "ELPV solar cells: features in two dimensions, by class"
    ]
    assert {"defect", "functional"} <= {*said}
    assert said.count("Pure ViT") == 1


def test_sites_have_panels_of_their_own_and_unknown_ones_are_named(study):
    with_sites(study, ["Porto", "Recife", None])
    figure = draw_figure(study, "feature_map", COHORT)
    said = words(figure)
    assert [text for text in said if text.startswith("ELPV")] == [
        "ELPV solar cells: features in two dimensions, by class",
        "ELPV solar cells: features in two dimensions, by site",
    ]
    assert {"Porto", "Recife", "not known"} <= {*said}
    assert said.count("Pure ViT") == 2
    by_class, by_site = (next(axes for axes in part.axes if axes.get_title() == "Pure ViT") for part in figure.subfigs)
    marks = [sum(len(drawn.get_offsets()) for drawn in axes.collections) for axes in (by_class, by_site)]
    assert marks == [90, 90]
    assert [len(drawn.get_offsets()) for drawn in by_site.collections] == [30, 30, 30]


def test_of_many_sites_the_smallest_are_drawn_as_one(study):
    with_sites(study, [f"site {place:02d}" for place in range(20)])
    said = words(draw_figure(study, "feature_map", COHORT))
    assert len([text for text in said if text.startswith("site ")]) == 13
    assert "others" in said
