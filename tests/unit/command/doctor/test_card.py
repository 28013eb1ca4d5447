"""Driver, card and memory with a stand-in for NVIDIA's library."""

from types import SimpleNamespace

import pytest

from sixgig.command.doctor import card

BUILD = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "compute_120"]


def nvml(**changes):
    """A library that sees the user's card."""
    functions = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: "card",
        "nvmlSystemGetDriverVersion": lambda: b"535.183.01",
        "nvmlDeviceGetName": lambda handle: "NVIDIA GeForce RTX 3050 6GB Laptop GPU",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=6144 * 2**20, free=5900 * 2**20),
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (8, 6),
        "nvmlDeviceGetTemperature": lambda handle, kind: 52,
        "nvmlDeviceGetTemperatureThreshold": lambda handle, kind: 97,
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [],
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [SimpleNamespace(pid=7, usedGpuMemory=None)],
    }
    return SimpleNamespace(**functions | changes)


def fails(*_):
    raise RuntimeError("Not Supported")


def test_what_the_driver_says():
    seen = card.look(nvml())
    assert (seen.driver, seen.total_mb, seen.free_mb, seen.capability) == ("535.183.01", 6144, 5900, (8, 6))
    assert (seen.temperature, seen.slows_at, seen.users, seen.computing) == (52, 97, ((7, None),), ())


def test_who_computes_is_told_apart_from_who_draws_the_screen():
    training = [SimpleNamespace(pid=9, usedGpuMemory=900 * 2**20)]
    seen = card.look(nvml(nvmlDeviceGetComputeRunningProcesses=lambda handle: training))
    assert (seen.users, seen.computing) == (((7, None), (9, 900.0)), (9,))


def test_what_a_card_does_not_tell_is_left_out():
    silent = dict.fromkeys(
        ["nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetTemperature", "nvmlDeviceGetComputeRunningProcesses"],
        fails,
    )
    seen = card.look(nvml(**silent))
    assert (seen.capability, seen.temperature, seen.users) == (None, None, ((7, None),))
    assert card.check_heat(seen) is None
    assert card.check_capability(seen, BUILD) is None


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (nvml(nvmlInit=fails), "Not Supported"),
        (nvml(nvmlDeviceGetCount=lambda: 0), "the driver sees no card"),
        (nvml(nvmlDeviceGetMemoryInfo=fails), "Not Supported"),
    ],
)
def test_no_card_is_said_in_words(library, reason):
    assert card.look(library) == reason


@pytest.mark.parametrize(("device", "level"), [("auto", "warning"), ("cuda", "error"), ("cpu", "ok")])
def test_what_no_card_means(device, level):
    finding = card.check_no_card("NVML Shared Library Not Found", device)
    assert finding.level == level
    assert (finding.next_step == "") == (level == "ok")


@pytest.mark.parametrize(
    ("driver", "cuda", "level", "said"),
    [
        ("535.183.01", "12.8", "ok", "535.183.01 runs torch's build for CUDA 12.8 (from 525 on)"),
        ("525.60.13", "12.8", "ok", "from 525 on"),
        ("470.256.02", "12.8", "error", "470.256.02 is older than 525, which torch's build for CUDA 12.8 needs"),
        ("535.183.01", "13.0", "error", "older than 580, which torch's build for CUDA 13.0 needs"),
        ("580.65.06", "13.0", "ok", "from 580 on"),
        ("535.183.01", None, "warning", "this build of torch has no CUDA"),
        ("535.183.01", "99.1", "warning", "does not know which one"),
    ],
)
def test_driver_against_the_build_of_torch(driver, cuda, level, said):
    finding = card.check_driver(driver, cuda)
    assert (finding.level, said in finding.text) == (level, True)
    assert (finding.next_step == "") == (level == "ok")


def test_an_old_driver_and_a_new_build_have_two_ways_out():
    step = card.check_driver("535.183.01", "13.0").next_step
    assert step == "install driver 580 or newer, or a build of torch for CUDA 12 (make setup builds the locked one)"


@pytest.mark.parametrize(
    ("capability", "architectures", "level"),
    [
        ((8, 6), BUILD, "ok"),
        ((8, 9), BUILD, "ok"),  # later than sm_86, of the same major version
        ((7, 0), BUILD, "error"),  # earlier than sm_75
        ((12, 1), BUILD, "ok"),  # compiled from compute_120
        ((11, 0), BUILD, "error"),
        ((9, 0), ["sm_90a"], "ok"),
    ],
)
def test_capability_against_the_build_of_torch(capability, architectures, level):
    seen = card.Seen("535", "a card", 6144, 6000, capability)
    assert card.check_capability(seen, architectures).level == level


@pytest.mark.parametrize(
    ("total", "free", "limit", "needed", "levels", "said"),
    [
        (6144, 6100, 6000, None, ["ok"], "6100 of 6144 MiB free"),
        (6144, 3000, 6144, None, ["warning"], "6144 MiB is what a job may take (gpu.memory_limit_mb)"),
        (6144, 3000, 6144, 2500.0, ["ok"], "3000 of 6144 MiB free"),
        (6144, 3000, 6144, 4000.0, ["warning"], "4000 MiB is what the largest job is expected to take"),
        (4096, 4000, 6144, 3000.0, ["warning", "ok"], "gpu.memory_limit_mb is 6144, and the card has 4096 MiB"),
    ],
)
def test_memory_against_what_jobs_take(total, free, limit, needed, levels, said):
    found = list(card.check_memory(card.Seen("535", "a card", total, free), limit, needed, str))
    assert [finding.level for finding in found] == levels
    assert said in found[0].text
    assert all((finding.next_step == "") == (finding.level == "ok") for finding in found)


def test_who_uses_the_card_is_named():
    seen = card.Seen("535", "a card", 6144, 1000, users=((7, None), (8, 900.0)))
    (finding,) = card.check_memory(seen, 6144, None, {7: "Xorg", 8: "python"}.get)
    assert "it is used by Xorg (7), python (8, 900 MiB)" in finding.text
    assert finding.next_step == "close what uses the card; or set gpu.memory_limit_mb to 960"


@pytest.mark.parametrize(("temperature", "level"), [(60.0, "ok"), (92.0, "warning")])
def test_heat(temperature, level):
    seen = card.Seen("535", "a card", 6144, 1000, temperature=temperature, slows_at=97)
    assert card.check_heat(seen).level == level
