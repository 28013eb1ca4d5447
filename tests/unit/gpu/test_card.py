from types import SimpleNamespace

import pytest

from sixgig.gpu.card import Card, cards_by_smi, choose, first_card, used_uuid

NAMES = ("NVIDIA GeForce RTX 3050 Laptop GPU", "NVIDIA RTX A4000")
UUIDS = ("GPU-1234-abcd", "GPU-12ff-0000")
PART = "MIG-5555-eeee"
MIB = 1024 * 1024


def nvml(**changes):
    """Stands in for NVIDIA's library on a machine with two cards."""

    def fail(*_):
        raise RuntimeError("NVML_ERROR_DRIVER_NOT_LOADED")

    def by_uuid(uuid):
        assert uuid == PART
        return 0

    closed = []
    functions = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: closed.append(True),
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlDeviceGetName": lambda handle: NAMES[handle].encode(),
        "nvmlDeviceGetUUID": lambda handle: UUIDS[handle],
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=(6144, 16384)[handle] * MIB),
    }
    functions |= {name: fail if value is None else value for name, value in changes.items()}
    return SimpleNamespace(closed=closed, **functions)


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    """No nvidia-smi, and no CUDA to ask for the order of cards."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sixgig.gpu.card._uuid_by_cuda", lambda: None)


def test_first_card_is_read_and_the_library_released():
    library = nvml()
    card = first_card(library, {})
    assert card == Card("NVIDIA GeForce RTX 3050 Laptop GPU", "1234-abcd", 6144)
    assert (card.cuda_name, card.fraction(3072), card.fraction(8000)) == ("GPU-1234-abcd", 0.5, 1.0)
    assert library.closed


def test_no_driver_is_no_card():
    assert first_card(nvml(nvmlInit=None), {}) is None
    library = nvml(nvmlDeviceGetHandleByIndex=None)
    assert first_card(library, {}) is None
    assert library.closed


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("0", 0),
        ("1", 1),
        ("1,0", 1),
        (" 1 , 0", 1),
        ("GPU-12ff-0000", 1),
        ("GPU-1234", 0),  # the beginning suffices when it is the only one
        ("GPU-12", None),  # and is no card when it is not
        ("", None),
        ("-1", None),
        ("-1,0", None),
        ("2", None),
        ("NoDevFiles", None),
    ],
)
def test_the_first_visible_card_is_the_one(visible, found):
    card = first_card(nvml(), {"CUDA_VISIBLE_DEVICES": visible})
    assert (card and card.cuda_name) == (None if found is None else UUIDS[found])


def test_a_part_of_a_card_is_a_card_of_its_own():
    card = first_card(nvml(), {"CUDA_VISIBLE_DEVICES": PART})
    assert card == Card(NAMES[0], "5555-eeee", 6144, mig=True)
    assert card.cuda_name == PART
    unseen = first_card(nvml(nvmlInit=None), {"CUDA_VISIBLE_DEVICES": PART})  # still the one that is used
    assert (unseen.uuid, unseen.fraction(6144)) == ("5555-eeee", 1.0)


def test_cuda_may_count_cards_in_another_order():
    cards = [Card(name, uuid.removeprefix("GPU-"), 6144) for name, uuid in zip(NAMES, UUIDS, strict=True)]
    assert choose(cards, None, lambda: "12ff-0000") is cards[1]
    assert choose(cards, None, lambda: None) is cards[0]
    assert choose(cards, "GPU-1234-abcd", lambda: "12ff-0000") is cards[0]


def test_the_order_of_the_bus_is_not_asked_for(monkeypatch):
    monkeypatch.setattr("sixgig.gpu.card._uuid_by_cuda", lambda: "12ff-0000")
    assert first_card(nvml(), {}).name == NAMES[1]
    assert first_card(nvml(), {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}).name == NAMES[0]


def test_what_torch_uses_is_locked_under_the_same_name():
    assert used_uuid("1234-abcd", {}) == "1234-abcd"
    assert used_uuid("GPU-1234-abcd", {"CUDA_VISIBLE_DEVICES": "1"}) == "1234-abcd"
    assert used_uuid("1234-abcd", {"CUDA_VISIBLE_DEVICES": PART}) == "5555-eeee"


def test_without_the_library_nvidia_smi_is_asked(fake_smi):
    fake_smi("echo 'GPU-1234-abcd, NVIDIA GeForce RTX 3050, Laptop, 6144'")  # a comma in the name: no such table
    assert cards_by_smi() == []
    fake_smi("echo 'GPU-1234-abcd, NVIDIA RTX 3050, 6144'; echo 'GPU-12ff-0000, NVIDIA RTX A4000, 16376'")
    assert cards_by_smi() == [Card("NVIDIA RTX 3050", "1234-abcd", 6144), Card("NVIDIA RTX A4000", "12ff-0000", 16376)]
    assert first_card(nvml(nvmlInit=None), {"CUDA_VISIBLE_DEVICES": "1"}).name == "NVIDIA RTX A4000"
    fake_smi("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9")
    assert first_card(nvml(nvmlInit=None), {}) is None
