"""Features that survive a kill: checkpoints of an encoding."""

import numpy as np
import pytest

from sixgig.arms.encoding import PartialFeatures
from sixgig.errors import ArmError
from sixgig.runtime import stopping


def test_checkpoint_of_other_inputs_is_not_used(tmp_path):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3)))
    partial.save()
    assert PartialFeatures(tmp_path, 4).done == 2
    assert PartialFeatures(tmp_path, 5).done == 0
    (tmp_path / "state.json").write_text("{")
    assert PartialFeatures(tmp_path, 4).done == 0


def test_an_encoding_that_is_told_to_end_saves_its_last_batch_first(tmp_path, monkeypatch):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3)))
    monkeypatch.setattr(stopping, "_asked", 1)
    with pytest.raises(stopping.Stopped) as stopped:
        partial.put(2, 3, np.full((1, 3), 2.0))
    assert stopped.value.code == 129
    assert PartialFeatures(tmp_path, 4).done == 3


@pytest.mark.parametrize(
    "state", ["[]", "3", "null", '"done"', '{"done": null}', '{"done": [1]}', '{"done": "x"}', "{"]
)
def test_a_state_of_another_kind_begins_again(tmp_path, state):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3), np.float32))
    partial.save()
    assert PartialFeatures(tmp_path, 4).done == 2
    (tmp_path / "state.json").write_text(state)
    assert PartialFeatures(tmp_path, 4).done == 0


@pytest.mark.parametrize("place", [128, 128 + 2 * 3 * 4 - 1])
def test_a_byte_that_changed_in_a_checkpoint_is_noticed_and_the_features_are_computed_again(tmp_path, place, caplog):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 1, np.full((1, 3), 7.0, np.float32))
    partial.put(1, 2, np.full((1, 3), 8.0, np.float32))
    partial.save()
    data = bytearray((tmp_path / "features.npy").read_bytes())
    data[place] ^= 1
    (tmp_path / "features.npy").write_bytes(data)
    again = PartialFeatures(tmp_path, 4)
    assert again.done == 0
    assert "is damaged (its 2 rows have changed since they were written): encoding begins again" in caplog.text
    again.put(0, 4, np.full((4, 3), 9.0, np.float32))
    np.testing.assert_array_equal(again.array(), np.full((4, 3), 9.0, np.float32))


def test_rows_after_the_saved_ones_may_be_torn_and_a_resumed_checkpoint_is_as_good_as_a_first_one(tmp_path):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3), np.float32))
    partial.save()
    partial.put(2, 3, np.full((1, 3), 5.0, np.float32))  # killed before it is saved
    second = PartialFeatures(tmp_path, 4)
    assert second.done == 2
    second.put(2, 3, np.full((1, 3), 6.0, np.float32))
    second.save()
    assert PartialFeatures(tmp_path, 4).done == 3


def test_a_checkpoint_that_was_cut_off_begins_again(tmp_path):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3), np.float32))
    partial.save()
    data = (tmp_path / "features.npy").read_bytes()
    (tmp_path / "features.npy").write_bytes(data[: 128 + 2 * 3 * 4 - 1])
    assert PartialFeatures(tmp_path, 4).done == 0


def test_a_checkpoint_without_checksum_begins_again(tmp_path):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3), np.float32))
    partial.save()
    (tmp_path / "state.json").write_text('{"done": 2}')
    assert PartialFeatures(tmp_path, 4).done == 0


def test_features_of_another_kind_begin_again(tmp_path):
    (tmp_path / "state.json").write_text('{"done": 2}')
    for array in (np.ones(4, np.float32), np.ones((4, 3)), np.ones((5, 3), np.float32)):
        np.save(tmp_path / "features.npy", array)
        assert PartialFeatures(tmp_path, 4).done == 0


def test_unfinished_features_are_not_handed_out(tmp_path):
    partial = PartialFeatures(tmp_path, 4)
    partial.put(0, 2, np.ones((2, 3)))
    with pytest.raises(ArmError, match="only 2 of 4 images are encoded"):
        partial.array()
