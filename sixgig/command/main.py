"""The command line: `sixgig run`, `sixgig plan`, `sixgig new`, `sixgig snakefile`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sixgig.command.bundle import add_bundle
from sixgig.command.compare import add_compare
from sixgig.command.verify import add_verify
from sixgig.errors import SixgigError
from sixgig.runtime.places import WORKFLOW
from sixgig.runtime.umask import keep_others_out
from sixgig.version import __version__

#: Exit code of a mistake in the command or in the study file.
MISTAKE = 2
_INTERRUPTED = 130
_RUN = "run a study: snakemake with the packaged workflow and its default profile"
_PLAN = "what a study still has to run and why, and its time, memory, disk and download"
_NEW = "look at your data and write a study file for it"
_NEW_MORE = """
SOURCE is one of
  a folder with one folder of PNG, JPEG or TIFF files for each class
  a CSV with one row for each image or NIfTI file, its subject and its class
  a folder of BraTS, ACDC, the Medical Segmentation Decathlon or DICOM series
  an .npz file of MedMNIST
  a public cohort by name, such as medmnist:pneumoniamnist or medmnist:nodulemnist3d:64
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What follows the command's name; those of the process when None.

    Returns:
        The exit code: that of Snakemake for a run, 2 for a mistake in the command or in the study file.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    if given[:1] == ["run"] and given[1:2] and given[1].startswith("-") and given[1] not in ("-h", "--help"):
        parser.error(f"the study file comes first: sixgig run STUDY.yaml {' '.join(given[1:])}")
    chosen = parser.parse_args(given)
    keep_others_out()
    try:
        return _work(chosen)
    except (SixgigError, OSError) as error:
        print(f"sixgig: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _work(chosen: argparse.Namespace) -> int:
    if "work" in chosen:
        return int(chosen.work(chosen))
    # Imported late, so that --help and `snakefile` answer at once.
    if chosen.command == "run":
        from sixgig.command.run import run_study

        return run_study(chosen.study, chosen.options)
    if chosen.command == "plan":
        from sixgig.command.plan import plan_study

        return plan_study(
            chosen.study, device=chosen.device, cores=chosen.cores, entries=chosen.config, folder=chosen.directory,
            jobs=chosen.jobs, json=chosen.json, html=chosen.html,
        )  # fmt: skip
    if chosen.command == "new":
        from sixgig.command.new import new_study

        print(new_study(chosen.source, chosen.output, chosen.labels))
        return 0
    print(WORKFLOW / "Snakefile")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sixgig", description="Compare ways of turning medical images into features, with honest statistics."
    )
    parser.add_argument("--version", action="version", version=f"sixgig {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    new = commands.add_parser(
        "new", help=_NEW, description=_NEW, epilog=_NEW_MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    new.add_argument("source", metavar="SOURCE", help="where the images are, see below")
    new.add_argument(
        "-o", "--output", type=Path, default=Path("study.yaml"), metavar="STUDY.yaml", help="default: study.yaml"
    )
    new.add_argument("--labels", type=Path, metavar="CSV", help="class of each subject, for data that carry none")

    run = commands.add_parser("run", help=_RUN, description=_RUN)
    run.add_argument("study", type=Path, metavar="STUDY.yaml", help="the study file; results go to ./results/<study>/")
    run.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="options of Snakemake, such as -n (show the jobs) or --cores 4 (default: all)",
    )

    add_verify(commands)
    add_compare(commands)
    add_bundle(commands)
    plan = commands.add_parser("plan", help=_PLAN, description=f"Show {_PLAN}.")
    plan.add_argument("study", type=Path, metavar="STUDY.yaml", help="the study file")
    plan.add_argument("--device", default="", metavar="CARD", help='plan for a card, such as "RTX 3050 6GB Laptop"')
    plan.add_argument("--cores", type=cores, metavar="N", help="cores to plan with (default: all)")
    plan.add_argument("--jobs", action="store_true", help="show every job")
    plan.add_argument("--json", action="store_true", help="print JSON")
    plan.add_argument("--html", type=Path, metavar="FILE", help="write a page too")
    plan.add_argument("-C", "--config", nargs="+", default=[], metavar="KEY=VALUE", help="keys that replace the file's")
    plan.add_argument("-d", "--directory", type=Path, default=Path(), help="the folder that the study runs in")

    commands.add_parser("snakefile", help="print the path of the workflow, for snakemake -s")
    return parser


def cores(text: str) -> int | None:
    """Return a number of cores; None for ``all``.

    Raises:
        argparse.ArgumentTypeError: It is neither ``all`` nor a whole number above 0.
    """
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of cores: write 1 or more, or all")
    return int(text)
