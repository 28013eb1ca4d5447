"""Which source code the outputs of a rule depend on, as a digest that Snakemake can compare.

Snakemake sees a changed script by its time stamp, which a fresh clone, a checkout or a set-back clock changes too, and
it does not see a changed module. Rules therefore carry a digest of the code itself in ``params:``, and the profiles
leave out Snakemake's own ``code`` trigger. A digest covers the rule's script and every module that the script
imports, directly or not, inside functions or not. Comments, docstrings and formatting do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sixgig.runtime.known_source import KnownSource
from sixgig.runtime.places import PACKAGE, WORKFLOW
from sixgig.runtime.user_cache import user_cache

#: Modules that cannot change what a job writes: messages, measurements, locks, and registries that look names up. What
#: they import does not count either, unless another module imports it. The `checks` of arms, which refuse studies and
#: write nothing, are left out by their name.
_WITHOUT_RESULT = frozenset(
    f"sixgig.{name}"
    for name in (
        "arms.following",
        "arms.naming",
        "arms.registry",
        "classifiers.registry",
        "cohorts.registry",
        "errors",
        "gpu.alone",
        "gpu.lock",
        "gpu.lost",
        "gpu.readers",
        "gpu.series",
        "gpu.settings",
        "gpu.watch",
        "redaction",
        "runtime.attempts",
        "runtime.faults",
        "runtime.jobs",
        "runtime.locks",
        "runtime.monitor",
        "runtime.owner",
        "runtime.places",
        "runtime.processes",
        "runtime.progress",
        "runtime.provenance",
        "runtime.running",
        "runtime.stopping",
        "runtime.supervision",
        "runtime.umask",
        "tracking.live",
        "tracking.target",
    )
)


class Source:
    """The source code of a checkout or of an installed package.

    Args:
        package: Folder of the package.
        scripts: Folder of the scripts that rules run.
        store: File that keeps what was found in their files; see :class:`KnownSource`.
    """

    def __init__(self, package: Path, scripts: Path, store: Path) -> None:
        self._package, self._scripts = package, scripts
        self._known = KnownSource(store, file_facts, Path(__file__))
        self._imports = cache(self._find_imports)

    def modules(self, script: str | None, *further: str) -> list[str]:
        """Return the dotted names of all modules behind a rule, sorted.

        Args:
            script: Name of the rule's script, without ``.py``; None for a rule that runs a command.
            further: Modules that no import shows: those that a registry looks up, or that run in another process.

        Raises:
            ModuleNotFoundError: One of them is not in the package.
        """
        waiting = list(further)
        if script is not None:
            waiting += self._imports(self._scripts / f"{script}.py")
        found: set[str] = set()
        while waiting:
            module = waiting.pop()
            if module not in found and module not in _WITHOUT_RESULT and not module.endswith(".checks"):
                found.add(module)
                waiting += self._imports(self._path(module))
        return sorted(found)

    def digest(self, script: str | None, *further: str) -> str:
        """Return 16 hexadecimal digits that change when code behind a rule changes; see :meth:`modules`."""
        named = [(module, self._path(module)) for module in self.modules(script, *further)]
        if script is not None:
            named.append((f"scripts/{script}", self._scripts / f"{script}.py"))
        digest = hashlib.sha256()
        for name, path in named:
            digest.update(f"{name}\0{self._known.facts(path)['code']}\0".encode())
        self._known.save()
        return digest.hexdigest()[:16]

    def template_digest(self) -> str:
        """Return 16 hexadecimal digits that change when a template, a translation or the look of an arm changes."""
        patterns = ("reporting/templates/**/*", "words/languages/**/*", "arms/*/look.yaml", "classifiers/*/look.yaml")
        found = (path for pattern in patterns for path in self._package.glob(pattern) if path.is_file())
        return files_digest(found, self._package)

    def _path(self, module: str) -> Path:
        stem = self._package.joinpath(*module.split(".")[1:])
        if not self._is_inside(module):
            raise ModuleNotFoundError(f"no module {module} in {self._package}")
        return stem.with_suffix(".py")

    def _is_inside(self, name: str) -> bool:
        # The `__init__` of a package holds its docstring and no code, so packages are no modules here.
        root, *parts = name.split(".")
        return root == self._package.name and self._package.joinpath(*parts).with_suffix(".py").is_file()

    def _find_imports(self, path: Path) -> tuple[str, ...]:
        return tuple(name for name in self._known.facts(path)["imports"] if self._is_inside(name))


def file_facts(content: bytes) -> dict[str, Any]:
    """Return what a Python file imports (``imports``, sorted names) and the sha256 of its normal form (``code``)."""
    names: set[str] = set()
    for node in running_code(ast.parse(content)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    own = sorted(name for name in names if name.partition(".")[0] == PACKAGE.name)
    return {"imports": own, "code": hashlib.sha256(normal_form(content).encode()).hexdigest()}


def running_code(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree without what only type checkers read (``if TYPE_CHECKING:``)."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from running_code(other)
            continue
        yield child
        yield from running_code(child)


def normal_form(content: bytes) -> str:
    """Return a Python file as text in which comments, docstrings and formatting leave no trace."""
    tree = ast.parse(content)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            del node.body[0]
    return ast.dump(tree)


def files_digest(paths: Iterable[Path], root: Path) -> str:
    """Return 16 hexadecimal digits of some files' bytes and of their paths below a folder."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def this_source() -> Source:
    """Return the source code that runs."""
    return Source(PACKAGE, WORKFLOW / "scripts", user_cache("source.json"))
