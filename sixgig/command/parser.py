"""What the command line of sixgig accepts: each command, its options, and what does its work."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sixgig.command.bundle import add_bundle
from sixgig.command.compare import add_compare
from sixgig.command.encoders import add_encoders
from sixgig.command.verify import add_verify
from sixgig.runtime.places import WORKFLOW
from sixgig.version import __version__

_NEW_MORE = """
SOURCE is one of
  a folder with one folder of PNG, JPEG or TIFF files for each class
  a CSV with one row for each image or NIfTI file, its subject and its class
  a folder of BraTS, ACDC, the Medical Segmentation Decathlon or DICOM series
  an .npz file of MedMNIST
  a public cohort by name, such as medmnist:pneumoniamnist or medmnist:nodulemnist3d:64
"""


def command_parser() -> argparse.ArgumentParser:
    """Return the parser; what it returns has ``work``, which does the work and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="sixgig", description="Compare ways of turning medical images into features, with honest statistics."
    )
    parser.add_argument("--version", action="version", version=f"sixgig {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_new,
        _add_doctor,
        _add_plan,
        _add_run,
        _add_monitor,
        add_verify,
        add_compare,
        add_bundle,
        add_encoders,
        _add_snakefile,
    ):
        add(commands)
    return parser


# What does the work is imported late, so that --help and `snakefile` answer at once.


def _add_new(commands: Any) -> None:
    told = "look at your data and write a study file for it"
    new = commands.add_parser(
        "new", help=told, description=told, epilog=_NEW_MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    new.add_argument("source", metavar="SOURCE", help="where the images are, see below")
    new.add_argument(
        "-o", "--output", type=Path, default=Path("study.yaml"), metavar="STUDY.yaml", help="default: study.yaml"
    )
    new.add_argument("--labels", type=Path, metavar="CSV", help="class of each subject, for data that carry none")

    def work(chosen: argparse.Namespace) -> int:
        from sixgig.command.new import new_study

        print(new_study(chosen.source, chosen.output, chosen.labels))
        return 0

    new.set_defaults(work=work)


def _add_doctor(commands: Any) -> None:
    told = "say whether a study can start on this machine, and what to do when it cannot (exit code 1)"
    doctor = commands.add_parser("doctor", help=told, description=told)
    doctor.add_argument(
        "study", type=Path, nargs="?", metavar="STUDY.yaml", help="the study file; without it, this machine"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")

    def work(chosen: argparse.Namespace) -> int:
        from sixgig.command.doctor.command import examine_study

        return examine_study(chosen.study, chosen.json)

    doctor.set_defaults(work=work)


def _add_plan(commands: Any) -> None:
    told = "what a study still has to run and why, and its time, memory, disk and download"
    plan = commands.add_parser("plan", help=told, description=f"Show {told}.")
    plan.add_argument("study", type=Path, nargs="+", metavar="STUDY.yaml", help="the study file")
    plan.add_argument("--device", default="", metavar="CARD", help='plan for a card, such as "RTX 3050 6GB Laptop"')
    plan.add_argument("--cores", type=cores, metavar="N", help="cores to plan with (default: all)")
    plan.add_argument("--jobs", action="store_true", help="show every job")
    plan.add_argument("--json", action="store_true", help="print JSON")
    plan.add_argument("--html", type=Path, metavar="FILE", help="write a page too")
    plan.add_argument("-C", "--config", nargs="+", default=[], metavar="KEY=VALUE", help="keys that replace the file's")
    plan.add_argument("-d", "--directory", type=Path, default=Path(), help="the folder that the study runs in")

    def work(chosen: argparse.Namespace) -> int:
        from sixgig.command.plan import plan_study

        return plan_study(
            chosen.study, device=chosen.device, cores=chosen.cores, entries=chosen.config, folder=chosen.directory,
            jobs=chosen.jobs, json=chosen.json, html=chosen.html,
        )  # fmt: skip

    plan.set_defaults(work=work)


def _add_run(commands: Any) -> None:
    told = "run a study: snakemake with the packaged workflow and its default profile"
    run = commands.add_parser("run", help=told, description=told)
    run.add_argument("study", type=Path, metavar="STUDY.yaml", help="the study file; results go to ./results/<study>/")
    run.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="...",
        help="--retry-failed (try again what failed), or options of Snakemake, such as -n (show the plan) or --cores 4",
    )

    def work(chosen: argparse.Namespace) -> int:
        from sixgig.command.run import run_study

        return run_study(chosen.study, chosen.options)

    run.set_defaults(work=work)


def _add_monitor(commands: Any) -> None:
    told = "show what runs now: jobs with the time left, GPU, memory, disk"
    watch = commands.add_parser("monitor", help=told, description=f"{told}; end it with Ctrl-C.")
    watch.add_argument(
        "study",
        type=Path,
        nargs="?",
        metavar="STUDY",
        help="a study file, or a folder of results (default: what runs below ./results)",
    )
    watch.add_argument("--once", action="store_true", help="show it once, and end")
    watch.add_argument("--json", action="store_true", help="print it once as JSON")

    def work(chosen: argparse.Namespace) -> int:
        from sixgig.command.monitor import monitor

        return monitor(chosen.study, chosen.once, chosen.json)

    watch.set_defaults(work=work)


def _add_snakefile(commands: Any) -> None:
    snakefile = commands.add_parser("snakefile", help="print the path of the workflow, for snakemake -s")

    def work(chosen: argparse.Namespace) -> int:
        print(WORKFLOW / "Snakefile")
        return 0

    snakefile.set_defaults(work=work)


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
