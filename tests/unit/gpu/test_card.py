from types import SimpleNamespace

from sixgig.gpu.card import first_card


def nvml(**changes):
    def fail(*_):
        raise RuntimeError("NVML_ERROR_DRIVER_NOT_LOADED")

    closed = []
    functions = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: closed.append(True),
        "nvmlDeviceGetHandleByIndex": lambda index: f"card {index}",
        "nvmlDeviceGetName": lambda handle: b"NVIDIA GeForce RTX 3050 Laptop GPU",
        "nvmlDeviceGetUUID": lambda handle: "GPU-1234-abcd",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=6144 * 1024 * 1024),
    }
    functions |= {name: fail if value is None else value for name, value in changes.items()}
    return SimpleNamespace(closed=closed, **functions)


def test_first_card_is_read_and_the_library_released():
    library = nvml()
    card = first_card(library)
    assert (card.name, card.uuid, card.memory_mb) == ("NVIDIA GeForce RTX 3050 Laptop GPU", "1234-abcd", 6144)
    assert library.closed


def test_no_driver_is_no_card():
    assert first_card(nvml(nvmlInit=None)) is None
    library = nvml(nvmlDeviceGetHandleByIndex=None)
    assert first_card(library) is None
    assert library.closed
