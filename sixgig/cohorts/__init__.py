"""Cohort adapters and preparation. An adapter is one module; this registry is the only place that lists them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    from sixgig.cohorts.base import Adapter

#: Adapter name in the config -> module and class. Imported only when asked for.
ADAPTERS = {
    "acdc": "sixgig.cohorts.acdc:AcdcAdapter",
    "brats": "sixgig.cohorts.brats:BratsAdapter",
    "elpv": "sixgig.cohorts.elpv:ElpvAdapter",
}


def load_adapter(name: str) -> type[Adapter]:
    """Return the adapter class registered under ``name``.

    Raises:
        ConfigError: No adapter has that name.
    """
    if name not in ADAPTERS:
        raise ConfigError(
            f"adapter {name!r}",
            f"is not a cohort adapter; there are: {', '.join(sorted(ADAPTERS))}",
            "choose one of them",
        )
    module, _, class_name = ADAPTERS[name].partition(":")
    adapter: type[Adapter] = getattr(import_module(module), class_name)
    return adapter


def check_source(adapter_name: str, root: Path) -> list[str]:
    """Say what a cohort's path lacks, as sentences, without reading images; empty when it looks right.

    Raises:
        ConfigError: No adapter has that name.
    """
    return load_adapter(adapter_name)().missing(Path(root))
