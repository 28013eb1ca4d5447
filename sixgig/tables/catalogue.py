"""Every table format of a study, for the documentation and the tests."""

from __future__ import annotations

import importlib
import pkgutil

from sixgig import tables
from sixgig.tables.format import Table


def all_tables() -> list[Table]:
    """Return the table formats that the modules of this package define, by module and then in their order there."""
    modules = [
        importlib.import_module(f"{tables.__name__}.{name}") for _, name, _ in pkgutil.iter_modules(tables.__path__)
    ]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Table)]
