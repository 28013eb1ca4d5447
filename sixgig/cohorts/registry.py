"""Cohort adapters: every module of ``sixgig.cohorts.adapters`` is one; no list names them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    from sixgig.cohorts.base import Adapter

FOLDER = Path(__file__).parent / "adapters"


def adapter_names() -> list[str]:
    """Return the names of all adapters, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def option_files() -> list[Path]:
    """Return the files that describe the adapters' own keys of a cohort's stanza: first the keys that several read."""
    return sorted(FOLDER.glob("*.yaml"), key=lambda path: (path.stem in adapter_names(), path.stem))


def load_adapter(name: str) -> type[Adapter]:
    """Return the adapter class called ``name``.

    Raises:
        ConfigError: No adapter has that name.
    """
    if name not in adapter_names():
        raise ConfigError(
            f"adapter {name!r}",
            f"is not a cohort adapter; there are: {', '.join(adapter_names())}",
            "choose one of them",
        )
    adapter: type[Adapter] = import_module(f"sixgig.cohorts.adapters.{name}").ADAPTER
    return adapter


def open_adapter(stanza: Mapping[str, Any], place: str = "cohort") -> Adapter:
    """Return the adapter of a cohort's stanza in the study file, with its modalities and options.

    Args:
        stanza: The cohort's part of the study file.
        place: Where it stands there, for the error message.

    Raises:
        ConfigError: No adapter has that name, or an option is wrong; the place is the key.
    """
    try:
        kind = load_adapter(stanza["adapter"])
        options = {key: stanza[key] for key in kind.option_keys if stanza.get(key) is not None}
        return kind(stanza.get("modalities"), options)
    except ConfigError as error:
        key = error.place if error.place in stanza else "adapter"
        raise ConfigError(f"{place}.{key}", error.reason, error.next_step) from error


def check_source(stanza: Mapping[str, Any], root: Path) -> list[str]:
    """Say what a cohort's path lacks, as sentences, without reading images; empty when it looks right.

    Raises:
        ConfigError: See :func:`open_adapter`.
    """
    return open_adapter(stanza).missing(Path(root))
