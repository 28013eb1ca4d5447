"""The report says where the user's own features come from, and which of them may be the label."""

from types import SimpleNamespace

from sixgig.reporting.own_features import label_leaks, own_features

FACTS = {
    "file": "radiomics.csv", "sha256": "0123456789abcdef" * 4, "produced_by": "PyRadiomics 3.1", "learned_from": "",
    "columns": 1200, "constant_columns": 2, "extra_rows": 7, "label_columns": ["code", "grade"],
}  # fmt: skip


def study(sidecars):
    """A study of two cohorts and two arms, with what their sidecars say."""
    methods = [SimpleNamespace(arm=arm) for arm in ("vit_pure", "vit_mim", "vit_pure")]
    return SimpleNamespace(
        cohorts=["a", "b"], methods=lambda cohort: methods, sidecar=lambda *key: sidecars.get(key, {"status": "ok"})
    )


def test_each_table_is_named_once_with_what_was_found_in_it():
    clean = FACTS | {"label_columns": [], "learned_from": "none of these subjects", "extra_rows": 0}
    found = own_features(study({("a", "vit_pure"): {"own_features": FACTS}, ("b", "vit_mim"): {"own_features": clean}}))
    assert "sixgig cannot check whether they were learned from evaluation subjects" in found.caption
    rows = [[cell.text for cell in row] for row in found.rows]
    assert [row[1:] for row in rows] == [
        ["a", "radiomics.csv", "0123456789ab", "PyRadiomics 3.1", "not said", "1,200", "2", "7", "code, grade"],
        ["b", "radiomics.csv", "0123456789ab", "PyRadiomics 3.1", "none of these subjects", "1,200", "2", "0", "none"],
    ]
    assert [row[-1].strong for row in found.rows] == [True, False]
    assert own_features(study({})).rows == []


def test_a_possible_leak_is_a_sentence_among_the_troubles():
    found = study({("a", "vit_pure"): {"own_features": FACTS}})
    (said,) = label_leaks(found, "a", "vit_pure")
    assert said.startswith("the value of code, grade follows from the class")
    assert label_leaks(found, "b", "vit_pure") == []
