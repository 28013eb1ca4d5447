"""The self-test of a device finds wrong numbers, in whichever operation they are."""

import numpy as np
import pytest
import torch

from sixgig.contrastive.tensorflow1.arithmetic import expected, inputs
from sixgig.contrastive.tensorflow1.environment import TOLERANCE, self_test
from sixgig.errors import TrainingError

OPERATIONS = ["matmul", "convolution", "softmax", "gradient"]


def test_the_right_results_are_those_of_torch():
    given = inputs()
    found = expected(given)
    left, right, images, kernel, logits = (torch.from_numpy(given[name]).double() for name in given)
    right.requires_grad_()
    wanted = {
        "matmul": left @ right,
        "convolution": torch.conv2d(images.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)).permute(0, 2, 3, 1),
        "softmax": logits.softmax(1),
    }
    (wanted["matmul"] / 20).tanh().square().sum().backward()
    wanted["gradient"] = right.grad
    assert list(found) == OPERATIONS
    for name, result in found.items():
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, wanted[name].detach().numpy(), rtol=0, atol=1e-10)


def spoiled(operation, spoil):
    """Arithmetic of a device that does all operations rightly but one."""

    def compute(device, given):
        return {name: spoil(right) if name == operation else right for name, right in expected(given).items()}

    return compute


def test_a_right_device_passes():
    errors = self_test("cuda", spoiled("softmax", lambda result: result.astype(np.float32)))
    assert list(errors) == OPERATIONS
    assert all(0 <= error < 1e-6 for error in errors.values())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: result * 1.01,
        lambda result: result * 0,
        lambda result: np.where(np.arange(result.size).reshape(result.shape) == 7, np.nan, result),
        lambda result: result[::-1],
        lambda result: result + np.inf,
        lambda result: result + 2 * TOLERANCE * np.abs(result).max() * (np.arange(result.shape[-1]) == 3),
    ],
    ids=["scaled", "zero", "one not a number", "rows turned round", "infinite", "one column off"],
)
def test_a_wrong_device_is_named_with_its_operation(spoil):
    for operation in OPERATIONS:
        with pytest.raises(TrainingError, match=f"on the GPU: {operation} is wrong by"):
            self_test("cuda", spoiled(operation, spoil))


def test_a_result_of_another_shape_is_refused():
    with pytest.raises(TrainingError, match=r"on the CPU: softmax gives \(5, 65\) in place of \(128, 65\)"):
        self_test("cpu", spoiled("softmax", lambda result: result[:5]))
