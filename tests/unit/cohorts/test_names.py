"""Names of volumes and images are unique, and stay what they were where that is so."""

from pathlib import Path

import pytest

from sixgig.cohorts.base import Item, Record
from sixgig.cohorts.names import check_names, distinct, distinct_items
from sixgig.errors import CohortError


def record(subject_id: str, *items: str) -> Record:
    return Record(Path("r"), subject_id, "x", tuple(Item(name, {"image": f"{name}.nii"}) for name in items))


def names(records: list[Record]) -> list[list[str]]:
    return [[item.item_id for item in one.items] for one in records]


def test_nothing_changes_where_names_are_unique() -> None:
    records = [record("P1", "P1_1", "P1_2"), record("P2", "P2")]
    assert distinct_items(records) == records


@pytest.mark.parametrize("reverse", [False, True])
def test_two_scans_of_one_and_a_subject_that_is_called_like_one_of_them(reverse: bool) -> None:
    records = [record("P1", "P1_1", "P1_2"), record("P1_1", "P1_1"), record("P1__1", "P1__1")]
    found = distinct_items(records[::-1] if reverse else records)
    renamed = names(found[::-1] if reverse else found)
    assert renamed == [["P1___1", "P1___2"], ["P1_1"], ["P1__1"]]
    assert not check_names(found, "c")


def test_frames_keep_their_files() -> None:
    ed = Record(Path("r"), "P1", "x", (Item("P1_ED", {"image": "a"}, "ED"),))
    (first, _) = distinct_items([ed, record("P1_ED", "P1_ED")])
    assert first.items == (Item("P1__ED", {"image": "a"}, "ED"),)


def test_paths_become_names() -> None:
    assert distinct(["a/b.png", "c.png"]) == {"a/b.png": "a__b.png", "c.png": "c.png"}
    several = distinct(["a/b__c.png", "a__b/c.png", "a/b/c.png", "a__b__c.png"])
    assert len(set(several.values())) == 4
    assert several["a__b__c.png"] == "a__b__c.png"


def test_names_that_are_there_twice_are_refused() -> None:
    with pytest.raises(CohortError, match="1 names belong to more than one volume or image: v"):
        check_names([record("a", "v"), record("b", "v")], "cohorts.c.source")
    with pytest.raises(CohortError, match="more than one subject: a"):
        check_names([record("a", "v"), record("a", "w")], "cohorts.c.source")


def test_subjects_whose_names_look_the_same_are_named() -> None:
    found = check_names([record(name, f"{name}!") for name in ("P1", "p1", "P1 ", "u\u0308", "\u00fc", "P2")], "c")
    assert {one.subject_id for one in found} == {"P1", "p1", "P1 ", "u\u0308", "\u00fc"}
    assert {one.kind for one in found} == {"label"}
