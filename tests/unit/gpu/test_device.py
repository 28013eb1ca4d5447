from types import SimpleNamespace

import pytest
import torch

from sixgig.errors import GpuError
from sixgig.gpu import processor
from sixgig.gpu.device import choose_device
from sixgig.gpu.processor import bfloat16_units


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
    device = choose_device("cpu", "float16", 6144)
    assert (device.dtype, device.fallbacks) == ("float32", ("float32 instead of float16: a CPU computes in float32",))


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """Return a function that pretends a processor has flags."""

    def pretend(text):
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {text}\n")
        monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")

    return pretend


@pytest.mark.parametrize("unit", ["avx512_bf16", "amx_bf16"])
def test_bfloat16_on_a_processor_with_units_is_for_encoding_and_never_by_itself(no_card, flags, unit):
    flags(unit)
    assert bfloat16_units() == unit
    device = choose_device("auto", "bfloat16", 6144)
    assert (device.kind, device.dtype, device.fallbacks) == ("cpu", "bfloat16", ())
    assert (device.dtype_on("cpu"), choose_device("auto", "auto", 6144).dtype) == ("bfloat16", "float32")
    training = device.for_training()
    assert training.dtype == "float32"
    assert training.fallbacks == ("trained in float32 instead of bfloat16: a CPU trains in float32",)


def test_bfloat16_on_a_processor_without_units_is_refused(no_card, flags):
    flags("avx512f avx512_vnni")
    with pytest.raises(GpuError, match=r"no units for it \(no amx_bf16 and no avx512_bf16\)(.|\n)*precision: auto"):
        choose_device("cpu", "bfloat16", 6144)


def test_cuda_without_a_card_is_an_error(no_card):
    with pytest.raises(GpuError, match=r"torch sees no usable GPU(.|\n)*nvidia-smi"):
        choose_device("cuda", "auto", 6144)


def test_limit_becomes_a_fraction_of_the_card(card):
    _, calls = card
    device = choose_device("auto", "auto", 6144)
    assert (device.kind, device.dtype) == ("cuda", "bfloat16")
    assert (device.dtype_on("cpu"), device.for_training()) == ("float32", device)
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
