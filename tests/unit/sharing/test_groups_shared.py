"""A table of groups in an archive: subjects are hidden, values stay, and the order of names is gone."""

import pandas as pd

from sixgig.sharing.names import Names, table_of
from sixgig.tables.groups import SUBJECT_GROUPS


def test_subjects_of_groups_are_hidden_and_values_stay(tmp_path):
    assert table_of("cohorts/c/groups.csv") is SUBJECT_GROUPS
    assert table_of("statistics/groups.csv") is None  # it names no subject
    rows = [(f"patient{number:03d}", "site", "AB"[number % 2]) for number in range(6)]
    path = tmp_path / "cohorts/c/groups.csv"
    path.parent.mkdir(parents=True)
    SUBJECT_GROUPS.write(pd.DataFrame(rows, columns=SUBJECT_GROUPS.column_names), path)
    names = Names(tmp_path, b"salt")
    hidden = names.table(SUBJECT_GROUPS.read(path))
    assert not hidden["subject_id"].str.contains("patient").any()
    of = dict(zip(hidden["subject_id"], hidden["value"], strict=True))
    assert of == {names.in_column(name, "subject_id"): value for name, _, value in rows}
    assert list(hidden["subject_id"]) == sorted(hidden["subject_id"])
