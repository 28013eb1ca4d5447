"""The command line of sixgig, and how a command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sixgig.command.parser import command_parser
from sixgig.command.saying import saying_once
from sixgig.errors import SixgigError
from sixgig.runtime.umask import keep_others_out

#: Exit code of a mistake in the command or in the study file.
MISTAKE = 2
_INTERRUPTED = 130
_CUT_OFF = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What follows the command's name; those of the process when None.

    Returns:
        The exit code: that of Snakemake for a run, 2 for a mistake in the command or in the study file.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = command_parser()
    if given[:1] == ["run"] and given[1:2] and given[1].startswith("-") and given[1] not in ("-h", "--help"):
        parser.error(f"the study file comes first: sixgig run STUDY.yaml {' '.join(given[1:])}")
    chosen = parser.parse_args(given)
    keep_others_out()
    try:
        with saying_once():
            return int(chosen.work(chosen))
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CUT_OFF
    except (SixgigError, OSError) as error:
        print(f"sixgig: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        return _INTERRUPTED
