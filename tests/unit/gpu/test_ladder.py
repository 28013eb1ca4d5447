import pytest

from sixgig.gpu.ladder import Rung, climb_down, is_out_of_memory, rungs


def test_cpu_has_one_rung():
    assert list(rungs(16, "cpu", trains=True)) == [Rung(16, "cpu")]


def test_inference_halves_then_goes_to_the_cpu():
    assert list(rungs(10, "cuda", trains=False)) == [
        Rung(10, "cuda"), Rung(5, "cuda"), Rung(2, "cuda"), Rung(1, "cuda"), Rung(10, "cpu"),
    ]  # fmt: skip


def test_training_recomputes_activations_before_it_leaves_the_gpu():
    steps = list(rungs(4, "cuda", trains=True, minimum=2))
    assert steps == [Rung(4, "cuda"), Rung(2, "cuda"), Rung(2, "cuda", True), Rung(4, "cpu")]


def full(error):
    return isinstance(error, MemoryError)


def test_first_rung_that_fits_is_used_and_each_step_is_recorded():
    tried, cleaned = [], []

    def run(rung):
        tried.append(rung)
        if rung.batch_size > 4 or rung.device == "cpu":
            raise MemoryError
        return "features"

    result, rung, fallbacks = climb_down(run, rungs(16, "cuda", False), full, lambda: cleaned.append(1))
    assert (result, rung) == ("features", Rung(4, "cuda"))
    assert [step.batch_size for step in tried] == [16, 8, 4]
    assert fallbacks == [
        "out of GPU memory at batch size 16: batch size 8",
        "out of GPU memory at batch size 8: batch size 4",
    ]
    assert len(cleaned) == 2


def test_last_resort_is_the_cpu():
    def run(rung):
        if rung.device == "cuda":
            raise MemoryError
        return rung

    _, rung, fallbacks = climb_down(run, rungs(2, "cuda", trains=True), full)
    assert rung == Rung(2, "cpu")
    assert fallbacks[-2:] == [
        "out of GPU memory at batch size 1: gradient checkpointing",
        "out of GPU memory at batch size 1: ran on the CPU",
    ]


def test_other_errors_pass_through():
    def run(rung):
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        climb_down(run, rungs(8, "cuda", False), full)


def test_memory_error_of_the_last_rung_passes_through():
    def run(rung):
        raise MemoryError("host")

    with pytest.raises(MemoryError, match="host"):
        climb_down(run, rungs(8, "cpu", False), full)


def test_torch_memory_errors_are_recognised():
    import torch

    assert is_out_of_memory(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
