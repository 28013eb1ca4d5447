"""`sixgig encoders`: the catalogue of encoders, and what of it fits the card."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sixgig.arms.registry import FOLDER
from sixgig.errors import GpuError
from sixgig.runtime.discovery import read_yaml

if TYPE_CHECKING:
    from rich.table import Table

    from sixgig.weights.catalogue import CatalogueEncoder

_HELP = "list encoders that a study can name, with licence, size and whether they fit the card"
_MORE = """
A study file names one as `weights: {mine: {encoder: NAME}}`. GPU memory is in 16 bits at the size that the encoder
was trained on, as measured on a card or, with "~", as sixgig estimates it; a smaller image.size takes less.
"?" is what nobody could confirm.
"""
#: MiB of a GB on the label of a card.
_GB = 1024.0
_DEFAULT_GB = 6.0
_UNKNOWN = "not confirmed"
#: Letters of a licence that the table shows.
_LICENCE = 24
#: Columns of a terminal that the whole table takes.
_WIDE = 136


def add_encoders(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("encoders", help=_HELP, description=_HELP, epilog=_MORE)
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one, with the lines for a study file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--2d", dest="dimensions", action="store_const", const=2, help="those of images")
    which.add_argument("--3d", dest="dimensions", action="store_const", const=3, help="those of volumes")
    parser.add_argument("--medical", action="store_true", help="those trained on medical images")
    parser.add_argument(
        "--fits", nargs="?", type=float, const=0.0, metavar="GB",
        help="those of which one image or crop fits so much GPU memory; this machine's card without a number",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(work=show_encoders)


def show_encoders(chosen: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0.

    Raises:
        ConfigError: There is no such encoder.
        GpuError: The memory of this machine's card is asked for, and there is none.
    """
    from sixgig.weights.catalogue import find_encoder, read_catalogue

    gigabytes = _memory(chosen.fits)
    if chosen.name:
        found = {chosen.name: find_encoder(chosen.name, "sixgig encoders")}
    else:
        found = {
            name: encoder
            for name, encoder in read_catalogue().items()
            if (chosen.dimensions or encoder.dimensions) == encoder.dimensions
            and (encoder.medical or not chosen.medical)
            and (chosen.fits is None or encoder.batch_within(gigabytes * _GB))
        }
    if chosen.json:
        facts = {name: _facts(encoder, gigabytes) for name, encoder in found.items()}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    elif chosen.name:
        print(page(chosen.name, found[chosen.name], gigabytes))
    else:
        _print_table(found, gigabytes)
    return 0


def page(name: str, encoder: CatalogueEncoder, gigabytes: float) -> str:
    """Return what is known of an encoder, and the lines for a study file.

    Args:
        name: Its name.
        encoder: It.
        gigabytes: GPU memory to fit into.
    """
    flat = encoder.dimensions == 2
    rows = {
        "what": f"{encoder.dimensions}D, {'medical' if encoder.medical else 'general'}",
        "model": encoder.weights.get("model", f"none: {encoder.not_loadable}"),
        "trained at" if flat else "crop": f"{encoder.size} px" if flat else f"{encoder.size} voxels a side",
        "parameters": "not known" if encoder.parameters is None else f"{encoder.parameters / 1e6:.1f} million",
        "GPU memory": _memory_words(encoder),
        f"in {gigabytes:g} GB": _fit_words(encoder, gigabytes),
        "kinds of arm": ", ".join(encoder.kinds),
        "licence": encoder.licence or _UNKNOWN,
        "gate": encoder.gate or _UNKNOWN,
        "layout test": encoder.covered_by,
        "citation": encoder.citation,
        "download": encoder.download,
        "note": encoder.note,
    }
    width = max(map(len, rows)) + 2
    lines = [f"{name}: {encoder.title}", ""]
    lines += [f"  {label:{width}}{value}" for label, value in rows.items() if value]
    if encoder.weights:
        lines += ["", "In a study file:", "", *stanza(name, encoder)]
    return "\n".join(lines)


def _memory_words(encoder: CatalogueEncoder) -> str:
    from sixgig.weights.catalogue import BATCH

    if encoder.vram_mb is None:
        return "not known"
    estimated = f"about {encoder.vram_mb} MiB at batch {BATCH} in 16 bits, estimated"
    if encoder.measured is None:
        return f"{estimated}; not measured"
    found = f"{encoder.measured['mb']} MiB at batch {encoder.measured['batch']}, measured"
    return f"{found}; {estimated}"


def stanza(name: str, encoder: CatalogueEncoder) -> list[str]:
    """Return the lines of a study file that use an encoder in the first kind of arm that takes it."""
    own = ["weights:", f"  {name}:", f"    encoder: {name}"]
    if "source" not in encoder.weights:
        own.append("    source: {file: {path: path/to/the/file, sha256: its sha256}}")
    known = read_yaml(FOLDER / encoder.kinds[0] / "options.yaml")["properties"]
    token = f", token: {encoder.token}" if encoder.token and "token" in known else ""
    more = "".join(f", {key}: {value}" for key, value in encoder.arm.items())
    return [*own, "arms:", f"  {name}: {{kind: {encoder.kinds[0]}, weights: {name}{token}{more}}}"]


def _memory(asked: float | None) -> float:
    """Return the GPU memory to fit into, in GB."""
    if asked is None:
        return _DEFAULT_GB
    if asked > 0:
        return asked
    from sixgig.gpu.card import first_card

    card = first_card()
    if card is None:
        raise GpuError("--fits", "this machine shows no card", "give its memory in GB, such as --fits 6")
    if not card.memory_mb:
        raise GpuError("--fits", f"the driver does not tell the memory of {card.name}", "give it in GB: --fits 6")
    return card.memory_mb / _GB


def _facts(encoder: CatalogueEncoder, gigabytes: float) -> Mapping[str, Any]:
    batch = encoder.batch_within(gigabytes * _GB)
    return asdict(encoder) | {"gigabytes": gigabytes, "batch_that_fits": batch, "fits_at_batch_16": batch == 16}


def _fit_words(encoder: CatalogueEncoder, gigabytes: float) -> str:
    batch = encoder.batch_within(gigabytes * _GB)
    if batch is None:
        return "not known"
    if batch == 16:
        return "fits at batch 16"
    unit = "image" if encoder.dimensions == 2 else "crop"
    return f"fits at batch {batch}, not 16" if batch else f"not even one {unit} fits at this size"


def _print_table(found: Mapping[str, CatalogueEncoder], gigabytes: float) -> None:
    from rich.console import Console

    # A pipe has no width: what reads it wants whole lines.
    width = shutil.get_terminal_size((160, 24)).columns
    console = Console(width=max(width, 80))
    console.print(_table(found, gigabytes, width >= _WIDE))
    console.print(
        f"{len(found)} encoders. size: pixels, or voxels of a crop. million: parameters. MiB: on the GPU at batch 16, "
        f"measured or scaled from what was (~: estimated). "
        f"batch: the largest of 16, 8, 4, 2, 1 that fits {gigabytes:g} GB at that size. test: the layout of names "
        "whose test covers it. ?: not confirmed. `sixgig encoders NAME` shows one.",
        highlight=False,
    )


def _table(found: Mapping[str, CatalogueEncoder], gigabytes: float, wide: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    columns = (
        ("encoder", {"no_wrap": True}),
        ("", {"no_wrap": True}),
        ("size", {"justify": "right", "no_wrap": True}),
        ("million", {"justify": "right", "no_wrap": True}),
        ("MiB", {"justify": "right", "no_wrap": True}),
        ("batch", {"justify": "right", "no_wrap": True}),
        ("licence", {"no_wrap": True}),
        ("gate", {"no_wrap": True}),
        ("test", {"no_wrap": True}),
        ("arm", {"no_wrap": True}),
    )
    shown = columns if wide else columns[:-2]
    for title, options in shown:
        table.add_column(title, **options)
    for name, encoder in found.items():
        batch, memory = encoder.batch_within(gigabytes * _GB), encoder.vram_at(16)
        cells = (
            name,
            f"{encoder.dimensions}D{' med.' if encoder.medical else ''}",
            str(encoder.size),
            "?" if encoder.parameters is None else f"{encoder.parameters / 1e6:.1f}",
            "?" if memory is None else f"{'~' if encoder.measured is None else ''}{memory:.0f}",
            "?" if batch is None else str(batch) if batch else "none",
            textwrap.shorten(encoder.licence or "?", _LICENCE, placeholder="..."),
            encoder.gate or "?",
            encoder.covered_by,
            encoder.kinds[0] if encoder.weights else "cannot be built",
        )
        table.add_row(*cells[: len(shown)])
    return table
