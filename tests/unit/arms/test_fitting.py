"""The batch size that fits the card is found before the first image is encoded; a CPU gets what was asked for."""

import pytest

from sixgig.arms.fitting import fitting_batch
from sixgig.gpu.device import Device

CARD, CPU = Device("cuda", "card", "float16"), Device("cpu", "CPU", "float32")
MODEL = "vit_base_patch16_224"


def test_a_batch_that_fits_stays_and_nothing_is_said():
    assert fitting_batch(16, MODEL, 224, CARD, 6144) == (16, [])


@pytest.mark.parametrize(("limit", "fits"), [(470, 8), (430, 8), (410, 4), (375, 1)])
def test_one_that_does_not_is_halved_and_it_is_said(limit, fits):
    batch, said = fitting_batch(16, MODEL, 224, CARD, limit)
    assert batch == fits
    assert said == [f"batch size 16 would take about 483 MiB of {limit} on the GPU: batch size {fits}"]


def test_where_not_even_one_fits_the_ladder_decides():
    assert fitting_batch(16, MODEL, 224, CARD, 100) == (16, [])


def test_a_cpu_and_an_unknown_network_get_what_was_asked_for():
    assert fitting_batch(4096, MODEL, 224, CPU, 1) == (4096, [])
    assert fitting_batch(4096, "no_such_network", 224, CARD, 1) == (4096, [])
