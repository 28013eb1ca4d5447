"""Run every section of the bench, and write ``docs/bench.md`` and ``docs/bench.json``.

``make bench`` runs all sections on a quiet machine, each in a process of its own. ``--only SECTION...`` runs some and
prints them, without writing ``docs/``. A section that fails, a wrong result, a missing package or a busy machine
ends the bench with an error, and no page is written.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.facts import MOST, machine, others_share, quiet, require_packages
from bench.harness import BenchError, measure, say
from bench.page import page
from sixgig.errors import SixgigError
from sixgig.runtime.atomic import write_json, write_text

ROOT = Path(__file__).resolve().parents[1]
#: Modules of ``bench.rows``, in the order of the page.
SECTIONS = ("encoding", "training", "preparation", "sparse_coding", "classifiers")


def run_section(name: str, quick: bool, out: Path) -> None:
    """Measure one section in this process, and write its lines as JSON."""
    module = importlib.import_module(f"bench.rows.{name}")
    lines = []
    for row in module.rows(quick):
        for line in measure(row):
            lines.append(line.as_json())
        say(f"  {row.name}")
    write_json(out, {"section": name, "title": module.TITLE, "about": _about(module), "lines": lines})


def _about(module: Any) -> str:
    """Return what a section's docstring says after its first line."""
    return " ".join((module.__doc__ or "").partition("\n\n")[2].split())


def run_all(names: list[str], quick: bool, busy: bool) -> dict[str, Any]:
    """Run sections one after another, each in a fresh process.

    Raises:
        BenchError: The machine is busy and ``busy`` is not allowed, or sections failed.
    """
    quiet(busy)
    found: dict[str, Any] = {"machine": machine(), "quick": quick, "sections": []}
    failed = []
    threads = str(len(os.sched_getaffinity(0)))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            say(f"{name} ...")
            out = Path(folder) / f"{name}.json"
            command = [sys.executable, "-m", "bench.run", "--section", name, "--out", str(out)]
            command += ["--quick"] if quick else []
            with others_share() as share:
                result = subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
            if result or not out.is_file():
                failed.append(name)
                continue
            section = json.loads(out.read_text())
            section["others_share"], section["seconds"] = round(share.others, 3), round(share.seconds, 1)
            found["sections"].append(section)
            if share.others > MOST and not busy:
                failed.append(f"{name} (other programs took {share.others:.0%} of the cores meanwhile)")
    if failed:
        raise BenchError("bench", f"not measured: {', '.join(failed)}", "read the messages above; no page is written")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the bench; nothing in docs/ changes")
    parser.add_argument("--busy", action="store_true", help="measure although other programs run; the page says so")
    parser.add_argument("--to", type=Path, default=ROOT / "docs", help="folder of bench.md and bench.json")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        require_packages()
        if given.section:
            run_section(given.section, given.quick, given.out)
            return
        found = run_all(given.only or list(SECTIONS), given.quick, given.busy)
    except SixgigError as error:
        sys.exit(f"[bench] failed: {error}")
    if given.only or given.quick:
        print(page(found))
        return
    write_json(given.to / "bench.json", found)
    write_text(given.to / "bench.md", page(found))
    say(f"written: {given.to / 'bench.md'} and bench.json")


if __name__ == "__main__":
    main()
