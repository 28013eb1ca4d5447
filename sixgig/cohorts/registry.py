"""Cohort adapters and preparation. An adapter is one module; this registry is the only place that lists them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    from sixgig.cohorts.base import Adapter

#: Adapter name in the config -> module and class. Imported only when asked for.
ADAPTERS = {
    "acdc": "sixgig.cohorts.acdc:AcdcAdapter",
    "brats": "sixgig.cohorts.brats:BratsAdapter",
    "dicom": "sixgig.cohorts.dicom:DicomAdapter",
    "elpv": "sixgig.cohorts.elpv:ElpvAdapter",
    "image_folder": "sixgig.cohorts.image_folder:ImageFolderAdapter",
    "medmnist": "sixgig.cohorts.medmnist:MedMnistAdapter",
    "msd": "sixgig.cohorts.msd:MsdAdapter",
    "table": "sixgig.cohorts.table:TableAdapter",
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
