"""The file that carries arrays between the two environments, and the names and shapes of a backbone."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sixgig.errors import TrainingError
from sixgig.training.arrays import FACTS, misfits, parameter_shapes, read_arrays, write_arrays

ARRAYS = {
    "blocks.0.attn.qkv.weight": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "rows": np.array([3, -1, 2**40], dtype=np.int64),
    "augment": np.array([True, False]),
    "scalar": np.array(0.25),
    "half": np.array([[1.5, -2.0]], dtype=np.float16),
    "names": np.array(["a", "é"]),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "file": np.array([1], dtype=np.uint8),  # the name of np.savez's own argument
}
FACTS_WRITTEN = {"model": "vit_tiny_patch16_224", "grid": [4, 4], "norm_eps": 1e-6, "note": "größer als ∞"}
PLAIN = {
    "model": "vit",
    "patch_size": 4,
    "grid": [2, 3],
    "width": 8,
    "depth": 2,
    "mlp_width": 16,
    "class_token": True,
    "register_tokens": 0,
    "position_prefix": True,
    "layer_scale": False,
    "qkv_bias": True,
}


def assert_same(found, wanted):
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert np.array_equal(found[name], array), name


def test_arrays_and_facts_come_back(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS, FACTS_WRITTEN)
    arrays, facts = read_arrays(tmp_path / "a.npz")
    assert_same(arrays, ARRAYS)
    assert facts == FACTS_WRITTEN
    assert os.listdir(tmp_path) == ["a.npz"]


def test_both_environments_write_and_read_the_same_bytes(tmp_path, tensorflow1):
    write_arrays(tmp_path / "here.npz", ARRAYS, FACTS_WRITTEN)
    code = (
        "import sys; from sixgig.training.arrays import read_arrays, write_arrays; "
        "arrays, facts = read_arrays(sys.argv[1]); write_arrays(sys.argv[2], arrays, facts)"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run(
        [tensorflow1, "-c", code, tmp_path / "here.npz", tmp_path / "there.npz"],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONNOUSERSITE": "1"},
        check=True,
    )
    arrays, facts = read_arrays(tmp_path / "there.npz")
    assert_same(arrays, ARRAYS)
    assert facts == FACTS_WRITTEN


def test_numpy_reads_the_file_without_pickles(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS, FACTS_WRITTEN)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert set(archive.files) == {*ARRAYS, FACTS}
        assert archive[FACTS].shape == ()
        assert archive[FACTS].dtype.kind == "U"


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_arrays(tmp_path / name, ARRAYS, FACTS_WRITTEN)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused_by_name(tmp_path, share):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS, FACTS_WRITTEN)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TrainingError, match="a.npz: cannot be read") as caught:
        read_arrays(path)
    assert "run the same command again" in str(caught.value)


def test_one_changed_byte_of_an_array_is_found(tmp_path):
    path = tmp_path / "a.npz"
    values = np.arange(1000, dtype=np.float32)
    write_arrays(path, {"values": values}, {})
    content = bytearray(path.read_bytes())
    content[content.index(values[500:].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="CRC"):
        read_arrays(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"gone.npz.*No such file"):
        read_arrays(tmp_path / "gone.npz")


@pytest.mark.parametrize(
    "entries",
    [
        {"weight": np.zeros(2)},  # an archive of NumPy's, without facts
        {FACTS: np.array("no JSON")},
        {FACTS: np.array("[1, 2]")},
        {FACTS: np.array(1.5)},
        {FACTS: np.array("{}"), "weight": np.array([{}], dtype=object)},  # needs pickles
    ],
)
def test_an_archive_of_another_kind_is_refused(tmp_path, entries):
    np.savez(tmp_path / "a.npz", **entries)
    with pytest.raises(TrainingError, match="cannot be read as arrays"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arrays", "facts", "message"),
    [
        ({"weight": np.array([None])}, {}, "weight cannot be stored"),
        ({FACTS: np.zeros(1)}, {}, "__facts__ cannot be stored"),
        ({}, {"width": np.float32(3)}, "the facts are not valid JSON"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path, arrays, facts, message):
    with pytest.raises(TrainingError, match=message):
        write_arrays(tmp_path / "a.npz", arrays, facts)
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    write_arrays(path, ARRAYS, {"version": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"a.npz: cannot be written: No space left on device"):
        write_arrays(path, ARRAYS, {"version": 2})
    assert os.listdir(tmp_path) == ["a.npz"]
    assert read_arrays(path)[1] == {"version": 1}


def test_a_folder_that_cannot_be_made_is_an_error_with_a_next_step(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="choose another folder"):
        write_arrays(tmp_path / "file" / "a.npz", ARRAYS, {})


def test_shapes_of_a_plain_backbone():
    shapes = parameter_shapes(PLAIN)
    assert shapes["pos_embed"] == (1, 7, 8)
    assert shapes["patch_embed.proj.weight"] == (8, 3, 4, 4)
    assert shapes["blocks.1.attn.qkv.weight"] == (24, 8)
    assert shapes["blocks.1.mlp.fc1.weight"] == (16, 8)
    assert shapes["blocks.1.mlp.fc2.weight"] == (8, 16)
    assert len(shapes) == 4 + 2 * 12 + 2
    assert "reg_token" not in shapes


@pytest.mark.parametrize(
    ("change", "names", "positions"),
    [
        ({"register_tokens": 4}, {"reg_token"}, 11),
        ({"register_tokens": 4, "position_prefix": False}, {"reg_token"}, 6),
        ({"layer_scale": True}, {f"blocks.{i}.ls{j}.gamma" for i in (0, 1) for j in (1, 2)}, 7),
        ({"class_token": False}, set(), 6),
    ],
)
def test_shapes_follow_the_facts(change, names, positions):
    shapes, plain = parameter_shapes({**PLAIN, **change}), parameter_shapes(PLAIN)
    assert set(shapes) - set(plain) == names
    assert shapes["pos_embed"] == (1, positions, 8)
    assert set(plain) - set(shapes) == (set() if change.get("class_token", True) else {"cls_token"})


def test_without_biases_of_query_key_and_value():
    left_out = set(parameter_shapes(PLAIN)) - set(parameter_shapes({**PLAIN, "qkv_bias": False}))
    assert left_out == {"blocks.0.attn.qkv.bias", "blocks.1.attn.qkv.bias"}


def test_a_missing_fact_is_named():
    facts = {name: value for name, value in PLAIN.items() if name != "mlp_width"}
    with pytest.raises(TrainingError, match="vit: the facts about the architecture lack 'mlp_width'"):
        parameter_shapes(facts)


def test_misfits_are_put_in_words():
    shapes = {"a": (2, 3), "b": (4,), "c": ()}
    assert misfits(shapes, {"a": np.zeros((2, 3)), "b": np.zeros(4), "c": np.zeros(())}) == ""
    found = misfits(shapes, {"a": np.zeros((3, 2)), "d": np.zeros(1), "c": np.zeros(())})
    assert found == (
        "1 missing (first: b); 1 unexpected (first: d); 1 of another shape (first: a is [3, 2], must be [2, 3])"
    )
