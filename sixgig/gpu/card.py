"""The card that CUDA would use first, as its driver sees it, without starting CUDA's memory in this process.

``CUDA_VISIBLE_DEVICES`` is heeded as CUDA does: absent, all cards; else a list of numbers or UUIDs, of which the first
one counts here, up to the first that does not exist; empty, no card. This module runs under Python 3.7 too.
"""

from __future__ import annotations

import csv
import ctypes
import logging
import os
import subprocess
import uuid as uuids
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

_LOG = logging.getLogger(__name__)
_MIB = 1024 * 1024
_SMI_SECONDS = 20.0
_SMI_FIELDS = "uuid,name,memory.total"
#: Environment variable with the cards that CUDA may use.
VISIBLE = "CUDA_VISIBLE_DEVICES"
_MIG = "MIG-"


@dataclass(frozen=True)
class Card:
    """A GPU: its name, its UUID without the prefix ``GPU-`` (as torch gives it), its memory in MiB.

    Attributes:
        name: As its driver calls it.
        uuid: For a part of a card (MIG), the UUID of the part.
        memory_mb: 0 when it is not known.
        mig: Whether it is a part of a card.
    """

    name: str
    uuid: str
    memory_mb: float
    mig: bool = False

    @property
    def cuda_name(self) -> str:
        """What ``CUDA_VISIBLE_DEVICES`` calls it."""
        return ("MIG-" if self.mig else "GPU-") + self.uuid

    def fraction(self, limit_mb: float) -> float:
        """Return the share of its memory, 0 to 1, that a limit in MiB is; 1 when its memory is not known."""
        return min(1.0, limit_mb / self.memory_mb) if self.memory_mb else 1.0


def first_card(nvml: ModuleType | None = None, environment: Mapping[str, str] | None = None) -> Card | None:
    """Return the card that CUDA would use first, or None when there is no driver or no card, or all are hidden.

    A process that only starts and watches another one must not hold GPU memory itself, which a CUDA context of its
    own would. NVIDIA's management library is asked, and ``nvidia-smi`` where that library does not answer.

    Args:
        nvml: The ``pynvml`` module, or None to import it.
        environment: Environment variables; ``os.environ`` when None.
    """
    variables = os.environ if environment is None else environment
    visible = variables.get(VISIBLE)
    wanted = None if visible is None else visible.split(",")[0].strip()
    if wanted in ("", "-1"):
        return None
    if wanted is not None and wanted.startswith(_MIG):
        return _part(wanted, nvml)
    found = all_cards(nvml)
    if not found:
        return None
    ask_cuda = len(found) > 1 and variables.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"
    return choose(found, wanted, _uuid_by_cuda if ask_cuda else None)


def visible_cards(nvml: ModuleType | None = None, environment: Mapping[str, str] | None = None) -> list[Card]:
    """Return every card that CUDA may use, in the order of the variable, or of their places on the bus without it.

    Args:
        nvml: The ``pynvml`` module, or None to import it.
        environment: Environment variables; ``os.environ`` when None.
    """
    wanted = (os.environ if environment is None else environment).get(VISIBLE)
    if wanted is None:
        return all_cards(nvml)
    found: list[Card] = []
    cards = all_cards(nvml)
    for entry in (part.strip() for part in wanted.split(",")):
        card = _part(entry, nvml) if entry.startswith(_MIG) else choose(cards, entry)
        if card is None:  # CUDA takes none of those behind it
            break
        found.append(card)
    return found


def choose(cards: Sequence[Card], wanted: str | None, by_cuda: Callable[[], str | None] | None = None) -> Card | None:
    """Return the card that an entry of ``CUDA_VISIBLE_DEVICES`` means.

    Args:
        cards: In the order of their places on the bus.
        wanted: The first entry; None when the variable is not set.
        by_cuda: Returns the UUID of CUDA's first card, where CUDA counts cards in another order: the fastest first.
    """
    if wanted is not None and wanted.startswith("GPU-"):
        matching = [card for card in cards if card.cuda_name.startswith(wanted)]
        return matching[0] if len(matching) == 1 else None
    if wanted is not None and not wanted.isdigit():
        return None
    index = int(wanted or 0)
    if index >= len(cards):
        return None
    first = by_cuda() if by_cuda is not None else None
    return next((card for card in cards if card.uuid == first), cards[index])


def used_uuid(uuid: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what identifies the card that torch uses, given the UUID that torch tells.

    For a part of a card (MIG), some versions of CUDA tell the UUID of the whole card: the part is what is used.
    """
    wanted = (os.environ if environment is None else environment).get(VISIBLE, "").split(",")[0].strip()
    if wanted.startswith(_MIG):
        return wanted[len(_MIG) :]
    return uuid[len("GPU-") :] if uuid.startswith("GPU-") else uuid


def _part(name: str, nvml: ModuleType | None) -> Card:
    """Return a part of a card by its name; it exists, as far as CUDA_VISIBLE_DEVICES is right."""
    uuid = name[len(_MIG) :]

    def read(library: Any) -> Card:
        handle = library.nvmlDeviceGetHandleByUUID(name)
        memory = library.nvmlDeviceGetMemoryInfo(handle).total / _MIB
        return Card(_text(library.nvmlDeviceGetName(handle)), uuid, memory, mig=True)

    return _with_nvml(read, nvml) or Card("part of a card (MIG)", uuid, 0.0, mig=True)


def all_cards(nvml: ModuleType | None = None) -> list[Card]:
    """Return every card of the machine, in the order of their places on the bus; none without a driver."""

    def read(library: Any) -> list[Card]:
        return [_card(library, index) for index in range(library.nvmlDeviceGetCount())]

    found: list[Card] | None = _with_nvml(read, nvml)
    return cards_by_smi() if found is None else found


def _card(library: Any, index: int) -> Card:
    handle = library.nvmlDeviceGetHandleByIndex(index)
    name, uuid = (_text(value) for value in (library.nvmlDeviceGetName(handle), library.nvmlDeviceGetUUID(handle)))
    return Card(name, _plain(uuid), library.nvmlDeviceGetMemoryInfo(handle).total / _MIB)


def _with_nvml(read: Callable[[Any], Any], nvml: ModuleType | None) -> Any:
    """Return what ``read`` finds with the management library, or None when the library does not answer."""
    try:
        if nvml is None:
            import pynvml as nvml  # type: ignore[no-redef]
        assert nvml is not None
        nvml.nvmlInit()
        try:
            return read(nvml)
        finally:
            nvml.nvmlShutdown()
    except Exception as error:  # the library has a separate exception class for each kind of problem
        _LOG.info("the GPU's management library does not answer: %s", error)
        return None


def cards_by_smi() -> list[Card]:
    """Return the cards that ``nvidia-smi`` tells of; none when it is missing or fails."""
    command = ["nvidia-smi", f"--query-gpu={_SMI_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_SMI_SECONDS, check=True
        )
        rows = [[cell.strip() for cell in row] for row in csv.reader(done.stdout.decode().splitlines()) if row]
        return [Card(name, _plain(uuid), float(memory)) for uuid, name, memory in rows]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _LOG.info("no GPU: %s", error)
        return []


def has_driver() -> bool:
    """Whether CUDA's own library, which comes with every driver, can be loaded; nothing is asked of it."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _uuid_by_cuda() -> str | None:
    """Return the UUID of the first card in CUDA's own order; no memory of the card is taken."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        device, found = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        for code in (cuda.cuInit(0), cuda.cuDeviceGet(ctypes.byref(device), 0), cuda.cuDeviceGetUuid(found, device)):
            if code:
                return None
        return str(uuids.UUID(bytes=bytes(found)))
    except (OSError, AttributeError):
        return None


def _plain(uuid: str) -> str:
    return uuid[len("GPU-") :] if uuid.startswith("GPU-") else uuid


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
