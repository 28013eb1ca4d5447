"""`sixgig monitor`: what runs just now, the cards and the machine, in the terminal."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from rich.console import Console
from rich.live import Live

from sixgig.command.monitor_state import Cards, collect, study_folders
from sixgig.command.monitor_view import render

_REFRESH_SECONDS = 1.0


def monitor(target: Path | None, once: bool, as_json: bool) -> int:
    """Show what runs, anew every second, until it is interrupted.

    Args:
        target: A study file, a study's folder, or a folder with ``results/``; the working directory when None.
        once: Whether to show one frame and end; so it is, too, where the output is no terminal.
        as_json: Whether to print one frame as JSON.

    Returns:
        The exit code.

    Raises:
        ConfigError: There is no such study.
    """
    folders, cards = study_folders(target), Cards()
    psutil.cpu_percent()  # the first answer has no meaning
    if as_json:
        time.sleep(0.1)
        print(collect(folders(), cards).as_json())
        return 0
    console = Console()
    if once or not sys.stdout.isatty():
        time.sleep(0.1)
        console.print(render(collect(folders(), cards), console.width))
        return 0
    with suppress(KeyboardInterrupt), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(render(collect(folders(), cards), console.width), refresh=True)
            time.sleep(_REFRESH_SECONDS)
    return 0
