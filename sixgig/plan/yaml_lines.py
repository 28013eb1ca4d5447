"""Read a YAML file so that every key keeps its line and every value its spelling.

YAML loses both, and repeats of a key as well: the last one wins in silence. It also turns ``yes`` into True, ``007``
into 7 and ``2024-01-31`` into a date; :mod:`sixgig.plan.spelling` takes the text where a text is wanted.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    import yaml

#: Where a key stands: the keys that lead to it, positions in lists as text.
KeyPath = tuple[str, ...]
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"
_HOLDS_NO_KEYS = "write a study file; `sixgig new` writes one"
#: What the parser says -> what to do about it.
_STEPS = (
    ("unknown escape character", "write paths in single quotes, or with / in place of \\"),
    (
        "mapping values are not allowed",
        "put a text that holds a colon in quotes, keys in braces: {key: value}, and every key in a line of its own",
    ),
    ("could not find expected ':'", "write a colon and a space after the key of that line or of the one above"),
    ("expected <block end>", "let the keys of one section begin in the same column, and close every bracket"),
    ("expected the node content", "close the bracket"),
    ("expected ',' or", "close the bracket, or put a comma between two entries"),
    ("'\\t'", "replace the tab in this line by a space"),
    ("cannot start any token", "put the text in quotes"),
    ("found undefined alias", "write & before the name where it is defined, or put the text in quotes"),
    ("while scanning a quoted scalar", "close the quote"),
    ("expected a single document", "keep one study in a file: remove the line ---"),
)


@dataclass
class Written:
    """What a YAML file holds, and how.

    Attributes:
        config: The values; keys are text as it is written.
        lines: Path of a key or of a list's entry -> its line, from 1.
        texts: Path of a value that YAML does not read as text -> its text, when it is written without quotes.
        templated: Whether Snakemake evaluates expressions in the file (``__use_yte__``), so that values differ.
    """

    config: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    templated: bool = False


def read_file(path: Path, shown: object = None) -> Written:
    """Read a file of YAML or JSON.

    Args:
        path: The file.
        shown: Its name for messages; the path when None.

    Raises:
        ConfigError: It cannot be read, is no YAML, holds no keys, or holds a key twice; the place has the line.
    """
    shown = path if shown is None else shown
    try:
        data = path.read_bytes()
    except OSError as error:
        step = "name a study file; `sixgig new` writes one"
        raise ConfigError(shown, f"cannot be read: {error.strerror or error}", step) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown}:{line}", "is no UTF-8 text", "save the file as UTF-8 in your editor") from None
    if text.lstrip().startswith("{") and _is_json(text):
        text = text.replace("\t", " ")  # allowed between the tokens of JSON, and nowhere else in it
    written = read_text(text, shown)
    if not isinstance(written.config, dict):
        raise ConfigError(shown, "holds no keys", _HOLDS_NO_KEYS)
    return written


def read_text(text: str, shown: object, numbered: bool = True) -> Written:
    """Read YAML; :attr:`Written.config` is whatever it holds.

    Args:
        text: The YAML.
        shown: Where it comes from, for messages.
        numbered: Whether messages give the line.

    Raises:
        ConfigError: It is no YAML, or a key stands twice in one mapping.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return _Reader(loader, shown, numbered).read(node)
    except yaml.YAMLError as error:
        raise _no_yaml(error, text.splitlines(), shown, numbered) from None
    finally:
        loader.dispose()


class _Reader:
    """Turns the nodes of a document into values, lines and texts."""

    def __init__(self, loader: yaml.SafeLoader, shown: object, numbered: bool) -> None:
        self._loader, self._shown, self._numbered = loader, shown, numbered
        self._written = Written()
        self._open: list[int] = []
        self._merged: set[int] = set()

    def read(self, node: yaml.Node | None) -> Written:
        written = self._written
        written.config = {} if node is None else self._value(node, ())
        if node is None:
            raise ConfigError(self._shown, "holds no keys", _HOLDS_NO_KEYS)
        written.templated = isinstance(written.config, dict) and bool(written.config.pop("__use_yte__", False))
        return written

    def _place(self, node: yaml.Node) -> str:
        return f"{self._shown}:{_line(node)}" if self._numbered else str(self._shown)

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node)
            if node.style is None and not isinstance(value, str) and node.tag != _NULL:
                self._written.texts[path] = node.value
            return value
        if id(node) in self._open:
            raise ConfigError(self._place(node), "holds an alias of itself", "write the values in full")
        self._open.append(id(node))
        found: Any
        if isinstance(node, yaml.SequenceNode):
            found = []
            for position, child in enumerate(node.value):
                own = (*path, str(position))
                self._written.lines[own] = _line(child)
                found.append(self._value(child, own))
        else:
            assert isinstance(node, yaml.MappingNode)
            found = {}
            for key, line, child in self._entries(node, path):
                own = (*path, key)
                self._written.lines[own] = line
                found[key] = self._value(child, own)
        self._open.pop()
        return found

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        except ValueError:  # a date such as 2024-02-31
            return node.value

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, int, yaml.Node]]:
        """Yield key, line and value, those of merged mappings (``<<``) first."""
        if id(node) not in self._merged:  # a second alias of it: its keys were looked at
            self._merged.add(id(node))
            self._check_keys(node, path)
            self._loader.flatten_mapping(node)
        for key, child in node.value:
            yield key.value, _line(key), child

    def _check_keys(self, node: yaml.MappingNode, path: KeyPath) -> None:
        import yaml

        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(self._place(key), "has a key that is no text", "write `key: value`")
            if key.style is None and not key.value.isascii() and not key.value[:1].isalnum():
                reason = f"the key {key.value.strip()} begins with {unicodedata.name(key.value[0], 'a sign')}"
                raise ConfigError(self._place(key), reason.lower(), "write ordinary spaces and letters")
            if key.tag != _MERGE and first.setdefault(key.value, _line(key)) != _line(key):
                raise self._twice(path, key, first[key.value])
        if len(first) < sum(key.tag != _MERGE for key, _ in node.value):  # twice in one line
            names = [key.value for key, _ in node.value]
            again = next(key for key, _ in node.value if names.count(key.value) > 1 and key.tag != _MERGE)
            raise self._twice(path, again, _line(again))

    def _twice(self, path: KeyPath, key: yaml.ScalarNode, before: int) -> ConfigError:
        where = f", first in line {before}" if self._numbered and before != _line(key) else ""
        return ConfigError(
            f"{self._place(key)}: config key {'.'.join((*path, key.value))}",
            f"is there twice{where}; YAML would take the last one and drop the other",
            "keep one of the two, or give them different names",
        )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _no_yaml(error: yaml.YAMLError, lines: list[str], shown: object, numbered: bool) -> ConfigError:
    """Say where a document is no YAML, why, and what to do."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    number = 1 if mark is None else min(int(mark.line) + 1, max(len(lines), 1))
    # An indentation by tabs is often noticed in the line after it.
    for candidate in (number, number - 1):
        if 0 < candidate <= len(lines) and "\t" in (re.match(r"\s*(?:-\s+)*", lines[candidate - 1]) or [""])[0]:
            place = f"{shown}:{candidate}" if numbered else str(shown)
            return ConfigError(place, "is indented with a tab, which YAML does not allow", "indent with spaces only")
    parts = [str(getattr(error, name, None) or "") for name in ("context", "problem")]
    said = ", ".join(part for part in parts if part) or str(error)
    steps = [step for words, step in _STEPS if words in said]
    place = f"{shown}:{number}" if numbered else str(shown)
    return ConfigError(place, f"is no YAML: {said}", steps[0] if steps else "correct this line or the one above it")
