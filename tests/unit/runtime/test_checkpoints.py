from sixgig.runtime.checkpoints import checkpoint_folder, drop


def test_folder_of_another_key_is_removed(tmp_path):
    old = checkpoint_folder(tmp_path, "encode", {"seed": 1})
    (old / "state").write_text("x")
    other_job = checkpoint_folder(tmp_path, "train", {"seed": 1})
    new = checkpoint_folder(tmp_path, "encode", {"seed": 2})
    assert new.is_dir()
    assert not old.exists()
    assert other_job.is_dir()
    assert checkpoint_folder(tmp_path, "encode", {"seed": 2}) == new


def test_drop_removes_empty_parents_only(tmp_path):
    root = tmp_path / ".checkpoints"
    one, other = checkpoint_folder(root, "one", {}), checkpoint_folder(root, "other", {})
    drop(one)
    assert not one.parent.exists()
    assert other.exists()
    drop(other)
    assert not root.exists()
