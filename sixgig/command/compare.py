"""`sixgig compare`: paired tests between two studies on the same cohorts and splits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

_HELP = "compare two studies on the same cohorts and splits by paired tests, and show what differs in their files"
_MORE = """
Studies whose splits or manifests differ are refused: their results cannot be paired. Methods (arm and classifier) are
matched by name.
"""


def add_compare(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("compare", help=_HELP, description=_HELP, epilog=_MORE)
    parser.add_argument("a", type=Path, metavar="A", help="folder of the first study, such as results/default")
    parser.add_argument("b", type=Path, metavar="B", help="folder of the second study")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    parser.add_argument("--html", type=Path, metavar="PAGE.html", help="write it as a page, too")
    parser.set_defaults(work=compare)


def compare(chosen: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0.

    Raises:
        SixgigError: The two cannot be compared.
    """
    from sixgig.comparison.showing import as_html, as_json, as_text, compare_studies
    from sixgig.results.study import Study
    from sixgig.runtime.atomic import write_text

    found = compare_studies(Study(chosen.a), Study(chosen.b))
    if chosen.html:
        write_text(chosen.html, as_html(found))
    print(json.dumps(as_json(found), indent=2, ensure_ascii=False) if chosen.json else as_text(found))
    return 0
