"""The user's own feature tables are compared with what was read of them."""

import hashlib
from types import SimpleNamespace

from sixgig.runtime.atomic import write_json
from sixgig.verification.findings import ERROR, NOTE, OK
from sixgig.verification.hashes import check_own_features


def test_a_table_that_changed_or_is_gone_is_said(tmp_path):
    table, folder = tmp_path / "rows.csv", tmp_path / "results"
    table.write_text("subject_id,a\n1,2\n")
    (folder / "features/c").mkdir(parents=True)
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    write_json(folder / "features/c/mine.json", {"own_features": {"sha256": digest}})
    write_json(folder / "features/c/vit.json", {"weights": {}})
    config = {"arms": {"mine": {"files": {"c": {"path": str(table), "of": "subject"}}}}}
    study = SimpleNamespace(folder=folder, config=config)
    (same,) = check_own_features(study)
    assert (same.level, same.text) == (OK, "1 feature tables of the user's are those that were read")
    table.write_text("subject_id,a\n1,3\n")
    (changed,) = check_own_features(study)
    assert (changed.level, changed.place) == (ERROR, "features/c/mine.json")
    assert f"rows.csv of arm mine on c has changed since it was read: sha256 {digest[:12]}" in changed.text
    table.unlink()
    (gone,) = check_own_features(study)
    assert (gone.level, gone.text[:48]) == (NOTE, "the table rows.csv of arm mine on c is not there")
