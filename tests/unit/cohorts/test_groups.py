"""Groups of subjects from a table, from the cohort itself, and of phantoms."""

import logging
from collections import Counter

import pytest

from sixgig.cohorts.dicom.telling import values_by_subject
from sixgig.cohorts.groups import group_subjects
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import CohortError, ConfigError

SUBJECTS = [f"p{number:02d}" for number in range(30)]


class Header:
    def __init__(self, **values):
        self.values = {name: (value,) for name, value in values.items()}


def groups_of(tmp_path, rows, columns, header="patient,site,age", subjects=SUBJECTS, **how):
    table = tmp_path / "patients.csv"
    table.write_text("\n".join([header, *rows]) + "\n")
    stanza = {"adapter": "acdc", "groups": {"table": str(table), "id": "patient", "columns": columns}}
    return group_subjects(subjects, stanza, open_adapter(stanza), tmp_path, **how)


def values(table, group):
    own = table[table["group"] == group]
    return dict(zip(own["subject_id"], own["value"].astype(object).where(own["value"].notna(), None), strict=True))


def rows_of(subjects=SUBJECTS):
    return [f"{name},{'AB'[index % 2]},{20 + index}" for index, name in enumerate(subjects)]


def test_a_table_is_joined_by_id_and_numbers_are_cut(tmp_path):
    found = groups_of(tmp_path, rows_of()[::-1], ["site", {"age": [30, 45]}])
    assert values(found, "site")["p01"] == "B"
    assert Counter(values(found, "age").values()) == {"< 30": 10, ">= 30, < 45": 15, ">= 45": 5}
    assert values(found, "age")["p10"] == ">= 30, < 45"  # 30 itself
    assert list(found["subject_id"]) == SUBJECTS * 2


def test_who_is_missing_and_ids_of_nobody_are_named(tmp_path, caplog):
    rows = [*rows_of()[2:], "p01,NA,33", "stranger,A,40"]
    with caplog.at_level(logging.WARNING):
        found = groups_of(tmp_path, rows, ["site"])
    assert values(found, "site")["p00"] is None
    assert values(found, "site")["p01"] is None
    assert "2 of 30 subjects have no site, and are in none of its groups: p00, p01" in caplog.text
    assert caplog.text.count("stranger") == 1
    assert "are not in the cohort: stranger" in caplog.text


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (rows_of(), ["age"], "gives age as 30 different numbers.*\n.*give cut points, such as .*age: .30, 40"),
        (
            [f"{n},site{i},5" for i, n in enumerate(SUBJECTS)],
            ["site"],
            "has 30 values of site .*, and a group may have 20",
        ),
        ([f"{n},A,young" for n in SUBJECTS], [{"age": [40]}], "the age 'young', which is no number"),
        ([*rows_of(), "p00,B,20"], ["site"], r"gives p00 the site 'A' \(row 2\) and 'B' \(row 32\)"),
        ([f"{n},{'aA'[i % 2]},5" for i, n in enumerate(SUBJECTS)], ["site"], "writes site as 'A' and as 'a'"),
        ([f"{n},gap,5" for n in SUBJECTS], ["site"], "a word of the results' table"),
        ([f"{n},,5" for n in SUBJECTS], ["site"], "says site of no subject"),
        ([f"{n.upper()},A,5" for n in SUBJECTS], ["site"], "writes subjects in another way.*differ by case"),
    ],
)
def test_what_makes_no_groups_is_refused_with_what_to_do(tmp_path, rows, columns, said):
    with pytest.raises(CohortError, match=said):
        groups_of(tmp_path, rows, columns)


def test_columns_that_are_not_there_and_cut_points_that_do_not_rise_are_refused(tmp_path):
    with pytest.raises(CohortError, match="lacks the column sit; it has patient, site, age"):
        groups_of(tmp_path, rows_of(), ["sit"])
    with pytest.raises(ConfigError, match="cut points of age do not rise"):
        groups_of(tmp_path, rows_of(), [{"age": [60, 40]}])


def test_a_table_may_have_names_or_pseudonyms(tmp_path):
    hidden = ["s-" + name for name in SUBJECTS]
    for rows in (rows_of(), rows_of(hidden)):
        found = groups_of(tmp_path, rows, ["site"], subjects=hidden, rename=lambda name: "s-" + name)
        assert values(found, "site")["s-p01"] == "B"


def test_a_phantom_has_drawn_groups_that_follow_from_its_subjects_names(tmp_path):
    stanza = {"adapter": "acdc", "groups": {"columns": ["site", "sex", {"age": [60]}]}}
    found = group_subjects(SUBJECTS, stanza, open_adapter(stanza), tmp_path, simulated=True)
    assert set(values(found, "site").values()) == {"A", "B", "C"}
    assert set(values(found, "sex").values()) == {"F", "M"}
    again = group_subjects(SUBJECTS[5:], stanza, open_adapter(stanza), tmp_path, simulated=True)
    assert values(again, "site") == {name: values(found, "site")[name] for name in SUBJECTS[5:]}
    stanza["groups"]["columns"] = ["height"]
    with pytest.raises(ConfigError, match="does not say 'height' of subjects; it says site, scanner, sex, age"):
        group_subjects(SUBJECTS, stanza, open_adapter(stanza), tmp_path, simulated=True)


def test_acdc_says_what_its_info_files_say(tmp_path):
    for number in range(1, 5):
        folder = tmp_path / "training" / f"patient{number:03d}"
        folder.mkdir(parents=True)
        (folder / "Info.cfg").write_text(f"ED: 1\nES: 9\nGroup: NOR\nHeight: {150 + 10 * number}\n")
    stanza = {"adapter": "acdc", "groups": {"columns": [{"Height": [175]}]}}
    subjects = [f"patient{number:03d}" for number in range(1, 5)]
    found = group_subjects(subjects, stanza, open_adapter(stanza), tmp_path)
    assert list(values(found, "Height").values()) == ["< 175", "< 175", ">= 175", ">= 175"]


def test_bids_says_what_its_table_of_participants_says(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\n02\tM\n")
    stanza = {"adapter": "bids", "groups": {"columns": ["sex"]}}
    found = group_subjects(["sub-01", "sub-02"], stanza, open_adapter(stanza), tmp_path)
    assert values(found, "sex") == {"sub-01": "F", "sub-02": "M"}


def test_a_table_of_files_has_its_own_columns_and_says_one_thing_of_a_subject(tmp_path):
    (tmp_path / "files.csv").write_text("path,subject_id,label,site\na.png,p1,x,A\nb.png,p1,x,A\nc.png,p2,y,B\n")
    stanza = {"adapter": "table", "groups": {"columns": ["site"]}}
    root = tmp_path / "files.csv"
    found = group_subjects(["p1", "p2"], stanza, open_adapter(stanza), root)
    assert values(found, "site") == {"p1": "A", "p2": "B"}
    root.write_text(root.read_text() + "d.png,p2,y,C\n")
    with pytest.raises(CohortError, match=r"gives p2 the site 'B' \(row 4\) and 'C' \(row 5\)"):
        group_subjects(["p1", "p2"], stanza, open_adapter(stanza), root)


def test_headers_of_dicom_give_ages_in_years_and_nothing_where_they_disagree():
    images = [
        ("p1", Header(PatientAge="018M", Manufacturer="A")),
        ("p1", Header(PatientAge="018M", Manufacturer="B")),
        ("p2", Header(PatientAge="045Y")),
    ]
    found = values_by_subject(images, ["PatientAge", "Manufacturer"])
    assert found == {"p1": {"PatientAge": "1.5", "Manufacturer": ""}, "p2": {"PatientAge": "45", "Manufacturer": ""}}


def test_a_hospitals_name_is_hidden_where_subjects_are(tmp_path, monkeypatch):
    stanza = {"adapter": "dicom", "groups": {"columns": ["InstitutionName", "PatientSex"]}}
    adapter = open_adapter(stanza)
    said = {
        "p1": {"InstitutionName": "St Mary", "PatientSex": "F"},
        "p2": {"InstitutionName": "Royal", "PatientSex": "M"},
    }
    monkeypatch.setattr(adapter, "subject_values", lambda root, names: said)
    found = group_subjects(["s-p1", "s-p2"], stanza, adapter, tmp_path, rename=lambda name: f"s-{name[:2].lower()}")
    assert values(found, "InstitutionName") == {"s-p1": "InstitutionName-st", "s-p2": "InstitutionName-ro"}
    assert values(found, "PatientSex") == {"s-p1": "F", "s-p2": "M"}


def test_dicom_is_not_asked_for_names_of_persons(tmp_path):
    stanza = {"adapter": "dicom", "groups": {"columns": ["PatientName"]}}
    with pytest.raises(ConfigError, match="asks DICOM headers for 'PatientName'"):
        group_subjects(["p1"], stanza, open_adapter(stanza), tmp_path)
