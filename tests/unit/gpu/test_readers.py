"""What a card says, by its three ways; `nvidia-smi` is a script that plays what was recorded or goes wrong."""

import sys
from types import SimpleNamespace

import pytest

from sixgig.gpu import readers
from sixgig.gpu.readers import CardLostError, GputilReader, NotReadableError, NvmlReader, Sample, SmiReader

UUID = "8d3a1f5e-0000-1111-2222-333344445555"
#: As a laptop and a data centre's card print them, for the columns that are asked for.
LAPTOP = f"GPU-{UUID}, 812, 97, 74, [N/A], 6144, NVIDIA GeForce RTX 3050 6GB Laptop GPU"
OTHER = "GPU-ffffffff-0000-1111-2222-333344445555, 4, 0, 31, 69.90, 81559, NVIDIA H100 80GB HBM3"
#: The columns that GPUtil asks for.
BY_GPUTIL = (
    f"0, GPU-{UUID}, 97, 6144, 812, 5332, 535.183.01, NVIDIA GeForce RTX 3050 6GB Laptop GPU, [N/A], Disabled,"
    " Disabled, 74"
)
FAILED = "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9"


def test_nvidia_smi_shows_the_card_that_is_used_and_not_the_first(fake_smi):
    fake_smi(f"echo '{OTHER}'; echo '{LAPTOP}'")
    name = "NVIDIA GeForce RTX 3050 6GB Laptop GPU"
    assert SmiReader(UUID).read() == Sample(812, 97, 74, None, 6144, name)
    with pytest.raises(NotReadableError, match="nvidia-smi does not show the card"):
        SmiReader("another")


@pytest.mark.parametrize(
    ("script", "error", "reason"),
    [
        (FAILED, NotReadableError, "ended with exit code 9: NVIDIA-SMI has failed"),
        ("exit 6", NotReadableError, "ended with exit code 6: no output"),
        ("", NotReadableError, "printed nothing"),
        ("echo Segmentation fault", NotReadableError, "something else than a table of 7 columns: Segmentation fault"),
        ("exec sleep 30", NotReadableError, "did not answer within 0.3 s"),
        ("echo 'Unable to determine the device handle: GPU is lost.'; exit 15", CardLostError, "GPU is lost"),
    ],
)
def test_a_broken_nvidia_smi_has_a_reason(fake_smi, monkeypatch, script, error, reason):
    monkeypatch.setattr(readers, "_SMI_SECONDS", 0.3)
    fake_smi(script)
    with pytest.raises(error, match=reason):
        SmiReader(UUID)


def test_no_nvidia_smi_has_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReadableError, match="nvidia-smi cannot be started: No such file"):
        SmiReader(UUID)


def test_what_a_card_does_not_tell_is_missing(fake_smi):
    fake_smi(f"echo 'GPU-{UUID}, [N/A], [Not Supported], 74, [Unknown Error], 6144, Card'")
    assert SmiReader(UUID).read() == Sample(None, None, 74, None, 6144, "Card")


class Nvml:
    """Stands in for the management library; a function that is named in ``broken`` raises."""

    def __init__(self, error=None, broken=()):
        self.error, self.broken, self.closed = error or RuntimeError("Not Supported"), broken, 0

    def _answer(self, name, value):
        if name in self.broken:
            raise self.error
        return value

    def nvmlInit(self):  # noqa: N802
        self._answer("init", None)

    def nvmlShutdown(self):  # noqa: N802
        self.closed += 1

    def nvmlDeviceGetHandleByUUID(self, uuid):  # noqa: N802
        if uuid != f"GPU-{UUID}":
            raise RuntimeError("Not Found")
        return self._answer("handle", uuid)

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return self._answer("memory", SimpleNamespace(used=812 * 2**20, total=6144 * 2**20))

    def nvmlDeviceGetUtilizationRates(self, handle):  # noqa: N802
        return self._answer("load", SimpleNamespace(gpu=97))

    def nvmlDeviceGetTemperature(self, handle, sensor):  # noqa: N802
        return self._answer("temperature", 74)

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        return self._answer("power", 35500)

    def nvmlDeviceGetTemperatureThreshold(self, handle, kind):  # noqa: N802
        return self._answer("threshold", {1: 102}[kind])


def test_the_management_library_tells_all():
    nvml = Nvml()
    reader = NvmlReader(UUID, nvml)
    assert reader.read() == Sample(812, 97, 74, 35.5, 6144)
    assert reader.slowdown_temperature() == 102
    reader.close()
    assert nvml.closed == 1


@pytest.mark.parametrize(
    ("broken", "sample"),
    [
        (("load",), Sample(812, None, 74, 35.5, 6144)),
        (("power", "temperature"), Sample(812, 97, None, None, 6144)),
        (("memory", "power", "load"), Sample(None, None, 74, None, None)),
    ],
)
def test_each_quantity_is_asked_for_on_its_own(broken, sample):
    assert NvmlReader(UUID, Nvml(broken=broken)).read() == sample


def test_a_library_that_does_not_answer_has_a_reason():
    with pytest.raises(NotReadableError, match="management library does not answer: Driver Not Loaded"):
        NvmlReader(UUID, Nvml(RuntimeError("Driver Not Loaded"), ("init",)))
    nvml = Nvml()
    with pytest.raises(NotReadableError, match="does not show the card: Not Found"):
        NvmlReader("another", nvml)
    assert nvml.closed == 1
    with pytest.raises(NotReadableError, match="Not Supported"):
        NvmlReader(UUID, Nvml(broken=("memory", "load", "temperature", "power"))).read()
    assert NvmlReader(UUID, Nvml(broken=("threshold",))).slowdown_temperature() is None


def test_a_lost_card_is_told_from_one_that_does_not_tell():
    class LostError(Exception):
        value = 15

    for error in (LostError(), RuntimeError("GPU is lost")):
        with pytest.raises(CardLostError):
            NvmlReader(UUID, Nvml(error, ("load",))).read()


class Gputil:
    """Stands in for GPUtil: its cards, or what it raises."""

    def __init__(self, answer):
        self.answer = answer

    def getGPUs(self):  # noqa: N802
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def gputil_card(uuid, load=0.97):
    return SimpleNamespace(
        uuid=f"GPU-{uuid}", memoryUsed=812.0, load=load, temperature=74.0, memoryTotal=6144.0, name="RTX 3050"
    )


def test_gputil_shows_the_card_that_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "GPUtil", Gputil([gputil_card("other"), gputil_card(UUID)]))
    assert GputilReader(UUID).read() == Sample(812, 97, 74, None, 6144, "RTX 3050")
    monkeypatch.setitem(sys.modules, "GPUtil", Gputil([gputil_card(UUID, float("nan"))]))
    assert GputilReader(UUID).read().utilisation is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "finds no card: nvidia-smi is missing or printed nothing"),
        (ValueError("invalid literal for int() with base 10: 'NVIDIA-SMI has failed'"), "cannot read .* has failed"),
        ([gputil_card("other")], "does not show the card"),
    ],
)
def test_gputil_without_a_card_has_a_reason(monkeypatch, answer, reason):
    monkeypatch.setitem(sys.modules, "GPUtil", Gputil(answer))
    with pytest.raises(NotReadableError, match=reason):
        GputilReader(UUID)


def test_gputil_that_is_not_installed_has_a_next_step(monkeypatch):
    monkeypatch.setitem(sys.modules, "GPUtil", None)
    step = r"install sixgig\[gputil\] under Python 3.11, or set gpu.monitor to nvml"
    with pytest.raises(NotReadableError, match=step):
        GputilReader(UUID)


def test_the_real_gputil(fake_smi, tmp_path, monkeypatch):
    fake_smi(f"echo '{BY_GPUTIL}'")
    assert GputilReader(UUID).read() == Sample(812, 97, 74, None, 6144, "NVIDIA GeForce RTX 3050 6GB Laptop GPU")
    fake_smi(FAILED)
    with pytest.raises(NotReadableError, match="cannot read what nvidia-smi printed: invalid literal"):
        GputilReader(UUID)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(NotReadableError, match="finds no card"):
        GputilReader(UUID)
