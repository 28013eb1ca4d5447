"""`sixgig verify`: is a finished study still what it was, and do its parts agree?"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

_HELP = "check a finished study: hashes, splits, leakage, tables, figures, report, versions"
_MORE = """
Every output is compared with its recorded sha256; splits and gates are tried again; metrics, intervals, tests, tables
and the report are computed again and compared. Nothing is written. The exit code is 0 when nothing is wrong, else 1.
"""


def add_verify(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("verify", help=_HELP, description=_HELP, epilog=_MORE)
    parser.add_argument("study", type=Path, metavar="STUDY_FOLDER", help="such as results/default")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--quick", action="store_true", help="leave out what computes tables and report again")
    parser.set_defaults(work=verify)


def verify(chosen: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0 when nothing is wrong, else 1.

    Raises:
        SixgigError: There is no such study.
    """
    from sixgig.verification.findings import as_json, as_text, is_sound
    from sixgig.verification.verify import verify_study

    found = []
    for finding in verify_study(chosen.study, chosen.quick):
        found.append(finding)
        if sys.stderr.isatty():
            print(f"\r{len(found)} things checked, just now {finding.check:12}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if chosen.json:
        print(json.dumps(as_json(str(chosen.study), found), indent=2, ensure_ascii=False))
    else:
        print(as_text(str(chosen.study), found))
    return 0 if is_sound(found) else 1
