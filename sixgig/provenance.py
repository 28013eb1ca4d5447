"""Which source code a result depends on, as a digest that Snakemake can compare.

Snakemake reruns a job when its script changes, but not when a module that the script imports changes. Rules therefore
carry the digest of those modules in ``params:``.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
#: Modules that cannot change a result: messages, measurements, and registries. They do not trigger reruns.
_WITHOUT_RESULT = frozenset(
    f"sixgig.{name}" for name in ("arms", "cohorts", "errors", "jobs", "monitor", "progress", "provenance")
)
#: Modules that only watch. What they import does not matter either.
_ONLY_WATCHING = frozenset({"sixgig.arms.following", "sixgig.live_tracking"})


def source_digest(*modules: str) -> str:
    """Return 16 hexadecimal digits that change when the source of these modules changes.

    All modules of this package that they import, directly or not, inside functions or not, are included. Modules
    that a registry imports by name are not: name them too.

    Args:
        modules: Dotted names, such as ``sixgig.arms.vit_pure``.

    Raises:
        ModuleNotFoundError: One of them is not in the package.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or module in _ONLY_WATCHING:
            continue
        found.add(module)
        waiting += _imports(module)
    digest = hashlib.sha256()
    for module in sorted(found - _WITHOUT_RESULT):
        digest.update(module.encode() + b"\0" + _path(module).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def template_digest() -> str:
    """Return 16 hexadecimal digits that change when a template of the report or a translation changes."""
    digest = hashlib.sha256()
    folders = (PACKAGE / "reporting" / "templates", PACKAGE / "languages")
    for path in sorted(path for folder in folders for path in folder.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _path(module: str) -> Path:
    stem = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise ModuleNotFoundError(f"no module {module} in {PACKAGE}")


def _is_module(name: str) -> bool:
    try:
        _path(name)
    except ModuleNotFoundError:
        return False
    return name.split(".")[0] == PACKAGE.name


@cache
def _imports(module: str) -> tuple[str, ...]:
    imported = set()
    for node in ast.walk(ast.parse(_path(module).read_bytes())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    names = {name for name in imported if _is_module(name)}
    parents = {".".join(name.split(".")[:depth]) for name in names for depth in range(2, name.count(".") + 1)}
    return tuple(sorted(names | parents - {PACKAGE.name}))
