import pytest
import torch

from sixgig.errors import ArmError, PassingError
from sixgig.gpu.alone import card_alone
from sixgig.gpu.lost import is_lost
from sixgig.gpu.readers import NotReadableError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    def broken(card):
        raise NotReadableError("no driver")

    monkeypatch.setattr("sixgig.gpu.lock.FOLDER", tmp_path)
    monkeypatch.setattr("sixgig.gpu.watch.READERS", {"nvml": broken})
    return tmp_path


def test_a_cpu_is_not_locked(folder):
    with card_alone(None, "encode") as watch:
        assert not list(folder.iterdir())
    assert watch.summary() == {}


def test_the_card_is_locked_and_what_was_not_watched_is_recorded(folder):
    with card_alone("1234", "encode") as watch:
        assert [path.name for path in folder.iterdir()] == ["sixgig-gpu-1234.lock"]
    assert watch.summary()["problem"] == "not watched by nvml: no driver"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be reported later"),
        torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("No CUDA-capable device is detected"),
        ArmError("step 7", "InternalError: CUDA_ERROR_LAUNCH_FAILED: unspecified", "report it"),
    ],
)
def test_a_lost_card_is_a_fault_that_may_pass(error):
    with pytest.raises(PassingError, match="the GPU: does not answer any longer") as caught, card_alone("1", "encode"):
        raise error
    assert caught.value.__cause__ is error
    assert "run nvidia-smi" in caught.value.next_step


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: device-side assert triggered"),
        ArmError("arms.x", "the features are not finite", "set precision"),
        ValueError("GPU is lost"),
    ],
)
def test_other_errors_stay_what_they_are(error):
    assert not is_lost(error)
    with pytest.raises(type(error)) as caught, card_alone("1", "encode"):
        raise error
    assert caught.value is error
