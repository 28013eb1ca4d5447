"""`sixgig bundle`: a study as one archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_HELP = "put a study into one archive, to share or to keep: tables, report, splits, study file, versions; no images"
_MORE = """
--hash-ids puts keyed hashes in the place of every name of a subject, image, volume and file, with a key that is drawn
anew and kept nowhere; it leaves out logs and paths. Without it the archive is for yourself.
"""


def add_bundle(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("bundle", help=_HELP, description=_HELP, epilog=_MORE)
    parser.add_argument("study", type=Path, metavar="STUDY_FOLDER", help="such as results/default")
    parser.add_argument("-o", "--output", type=Path, metavar="STUDY.zip", help="default: <study>.zip")
    parser.add_argument("--hash-ids", action="store_true", help="hide the names of subjects and files")
    parser.add_argument(
        "--with",
        nargs="+",
        default=[],
        choices=("images", "features", "weights"),
        dest="extras",
        help="what goes in, too",
    )
    parser.set_defaults(work=bundle)


def bundle(chosen: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0.

    Raises:
        SixgigError: The archive cannot be made.
    """
    from sixgig.sharing.bundle import bundle_study

    output = chosen.output or Path(f"{chosen.study.resolve().name}.zip")
    files = bundle_study(chosen.study, output, chosen.hash_ids, chosen.extras)
    print(f"{output}: {len(files)} files, {output.stat().st_size / 2**20:.1f} MiB")
    if not chosen.hash_ids:
        print("It names subjects and files as they are: for sharing, use --hash-ids.")
    return 0
