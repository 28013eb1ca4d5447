"""What options of Snakemake are given, before Snakemake reads them."""

from __future__ import annotations

from collections.abc import Sequence


def option_value(options: Sequence[str], *names: str) -> str | None:
    """Return the value that an option of Snakemake is given, "" without a value; None when it is not given."""
    found = None
    for place, option in enumerate(options):
        if option == "--":
            break
        for name in names:
            if option == name:
                following = options[place + 1 : place + 2]
                found = following[0] if following and not following[0].startswith("-") else ""
            elif option.startswith(f"{name}=" if name.startswith("--") else name) and option != name:
                found = option.removeprefix(name).removeprefix("=")
    return found


def option_values(options: Sequence[str], *names: str) -> list[str]:
    """Return what follows an option that takes several values, up to the next option."""
    found: list[str] = []
    taken = False
    for option in options:
        if option.startswith("-"):
            taken = option in names
            found += [option.partition("=")[2] for name in names if option.startswith(f"{name}=")]
        elif taken:
            found.append(option)
    return found
