"""Arithmetic of what a job computes and holds."""

import pytest

from sixgig.gpu.work import ALLOCATOR_MB, NetworkSize, Work, encoding_memory, largest_fitting, transformer_flops


def test_a_block_of_matrices_and_attention():
    # 10 tokens of width 4, a hidden layer of 16: query, key, value, projection (64) and two of the MLP (128).
    assert transformer_flops(10, 4, 2, 16) == 2 * (2 * 10 * (64 + 128) + 4 * 100 * 4)


def test_weights_stay_in_float32_and_activations_take_the_type():
    size = NetworkSize(parameters=2**20, flops=1.0, live=2**19, kept=1.0, features=1)
    image, gaps = 3 * 8**2 * 5 / 2**20, 1.35
    assert encoding_memory(size, 8, "float32") == (4.0, pytest.approx(gaps * (2.0 + image)))
    assert encoding_memory(size, 8, "float16") == (4.0, pytest.approx(gaps * (1.0 + image)))


def test_a_batch_is_halved_until_it_fits():
    work = Work(flops=1.0, passes=1.0, state_mb=100.0, item_mb=10.0, batch=12)
    limits = {260.0: 12, 259.0: 6, 170.0: 3, 150.0: 1, 149.0: 0}
    assert {limit: work.batch_within(limit) for limit in limits} == limits
    assert work.vram_mb(6) == 160 + ALLOCATOR_MB


def test_memory_that_grows_unevenly_is_looked_up():
    work = Work(flops=1.0, passes=1.0, batch=4, peaks={4: 900.0, 2: 800.0, 1: 790.0})
    assert [work.batch_within(limit) for limit in (900, 899, 799, 700)] == [4, 2, 1, 0]
    assert largest_fitting(4, lambda batch: float(batch), 2.0) == 2
