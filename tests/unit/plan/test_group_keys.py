"""The keys groups, group_by and pretraining_groups of a cohort, before a table is opened."""

import pytest

from sixgig.errors import ConfigError
from sixgig.plan.groups import check_groups

GROUPS = {"columns": ["site", {"age": [40, 60]}]}


@pytest.mark.parametrize(
    ("stanza", "said"),
    [
        ({"group_by": "site"}, r"group_by: is 'site', which is none.*\n.*add `groups: \{columns: \[site\]\}`"),
        ({"groups": GROUPS, "group_by": "hospital"}, r"'hospital', which is none of the columns.*\n.*site, age"),
        ({"groups": GROUPS, "group_by": "site", "splits_file": "own.csv"}, "stands beside splits_file"),
        ({"groups": GROUPS, "group_by": "site", "official_splits": True}, "stands beside official_splits"),
        ({"groups": GROUPS, "pretraining_groups": ["A"]}, "pretraining_groups: stands without group_by"),
        ({"groups": {"columns": ["site", "site"]}}, r"groups.columns: names site twice"),
        ({"groups": {"columns": [{"age": [60, 40]}]}}, "the cut points of age do not rise"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(stanza, said):
    with pytest.raises(ConfigError, match=said):
        check_groups(stanza, "config key cohorts.c")


def test_keys_that_fit_are_taken():
    check_groups({}, "cohorts.c")
    check_groups({"groups": GROUPS}, "cohorts.c")
    check_groups({"groups": GROUPS, "group_by": "site", "pretraining_groups": ["A"], "official_splits": False}, "c")
