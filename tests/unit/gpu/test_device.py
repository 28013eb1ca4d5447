from types import SimpleNamespace

import pytest
import torch

from sixgig.errors import GpuError
from sixgig.gpu.device import choose_device


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def card(monkeypatch):
    """Pretend there is a card; returns a function that sets its memory and generation, and the calls made."""
    calls = []
    properties = SimpleNamespace(total_memory=8192 * 2**20, major=8, name="RTX", uuid="GPU-1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *arguments: calls.append(arguments))
    return properties, calls


def test_auto_without_a_card_is_the_cpu_in_float32(no_card):
    device = choose_device("auto", "auto", 6144)
    assert (device.kind, device.dtype, device.fallbacks) == ("cpu", "float32", ())


def test_half_precision_on_a_cpu_is_recorded_as_a_fallback(no_card):
    assert choose_device("cpu", "bfloat16", 6144).fallbacks == (
        "float32 instead of bfloat16: a CPU computes in float32",
    )


def test_cuda_without_a_card_is_an_error(no_card):
    with pytest.raises(GpuError, match=r"torch sees no usable GPU(.|\n)*nvidia-smi"):
        choose_device("cuda", "auto", 6144)


def test_limit_becomes_a_fraction_of_the_card(card):
    _, calls = card
    device = choose_device("auto", "auto", 6144)
    assert (device.kind, device.dtype) == ("cuda", "bfloat16")
    assert calls == [(0.75, 0)]


def test_smaller_card_needs_no_fraction(card):
    properties, calls = card
    properties.total_memory = 4096 * 2**20
    choose_device("cuda", "auto", 6144)
    assert calls == []


def test_older_card_gets_float16(card):
    card[0].major = 7
    assert choose_device("auto", "auto", 6144).dtype == "float16"
    assert choose_device("auto", "float32", 6144).dtype == "float32"
