"""A study as its files and the command line give it, with the place of every key for messages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sixgig.errors import ConfigError, SixgigError
from sixgig.plan.schema import study_schema
from sixgig.plan.spelling import as_meant
from sixgig.plan.yaml_lines import KeyPath, Written, read_file, read_text
from sixgig.runtime.schema import resolve

_KEY = "config key "
#: What Snakemake strips from values of the command line.
_QUOTES = "'\""


@dataclass
class Study:
    """The keys of a study, before defaults.

    Attributes:
        config: The values.
        file: Name of the study file in messages; of the last one when there are several.
        folder: Folder of that file.
        places: Path of a key -> where it stands, such as ``study.yaml:12`` or ``--config seed``.
    """

    config: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    folder: Path | None = None
    places: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """Return a key with the file and line where it stands; where it is absent, those of the section around it.

        Args:
            key: Path of the key, its parts joined by dots.
        """
        name = key.removeprefix(_KEY)
        place = self._place(name)
        return f"{place}: {key}" if place else key

    def where_value(self, section: str, value: str) -> str | None:
        """Return where a value stands below a section, with its key; None where it does not, as for a default."""
        for path, place in self.places.items():
            name = ".".join(path)
            if name.startswith(f"{section}.") and _at(self.config, path) == value:
                return f"{place}: {_KEY}{name}"
        return None

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Give errors that name a key of the study the file and line of it."""
        try:
            yield
        except SixgigError as error:
            name = error.place.removeprefix(_KEY)
            if name == error.place and not _is_key(name.split("."), study_schema(self.config)):
                raise
            located: SixgigError = type(error)(self.where(f"{_KEY}{name}"), error.reason, error.next_step)
            raise located from error.__cause__

    def _place(self, name: str) -> str:
        """Return where the longest part of a key that was written stands; the file when no part of it was."""
        found, length = self.file, 0
        for path, place in self.places.items():
            own = ".".join(path)
            if len(own) > length and (name == own or name.startswith(f"{own}.")):
                found, length = place, len(own)
        return found


def read_study(files: Sequence[Path], entries: Sequence[str] = (), given: Mapping[str, Any] | None = None) -> Study:
    """Read a study as Snakemake does: files in order, then the command line; each is merged into what is before it.

    Args:
        files: The study files.
        entries: What follows ``--config``: texts ``key=value``; a value may be YAML such as ``{folds: 4}``.
        given: What Snakemake read. It counts where a file holds expressions that Snakemake evaluates.

    Raises:
        ConfigError: A file cannot be read, is no YAML, or holds a key twice; or a number is written oddly.
    """
    study, texts, templated = Study(), dict[KeyPath, str](), False
    for file in files:
        shown = shown_path(file)
        written = read_file(file, shown)
        study.file, study.folder = shown, file.parent
        templated = templated or written.templated
        _merge(study, texts, written, {path: f"{shown}:{line}" for path, line in written.lines.items()})
    if templated and given is not None:
        study.config, texts = dict(given), {}
    for entry in entries:
        key, written = _entry(entry)
        places = dict.fromkeys(written.lines, f"--config {key}")
        _merge(study, texts, written, places)
    with study.locating():
        study.config = as_meant(study.config, study_schema(study.config), texts)
    return study


def shown_path(file: Path) -> str:
    """Return a file's name for messages: from the working directory where it lies below it."""
    try:
        return str(file.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return os.path.abspath(file)


def _entry(entry: str) -> tuple[str, Written]:
    """Read one ``key=value`` of the command line."""
    key, sign, text = entry.partition("=")
    if not sign:
        raise ConfigError(f"--config {entry}", "is no key=value", "quote it: --config 'evaluation={folds: 4}'")
    text = text.strip(_QUOTES)
    inner = Written(config={})
    value: Any = None
    if text:
        try:
            inner = read_text(text, f"--config {key}", numbered=False)
            value = inner.config
        except ConfigError as error:
            if error.place.count(_KEY):  # a key that is there twice
                raise
            value = text
    lines = {(key, *path): 1 for path in inner.lines} | {(key,): 1}
    texts = {(key, *path): found for path, found in inner.texts.items()}
    if not isinstance(value, str) and value is not None:
        texts[(key,)] = text
    return key, Written({key: value}, lines, texts)


def _merge(study: Study, texts: dict[KeyPath, str], written: Written, places: Mapping[KeyPath, str]) -> None:
    """Merge what was read into a study."""
    _update(study.config, written.config, (), study.places, texts)
    study.places.update(places)
    texts.update(written.texts)


def _update(
    config: dict[str, Any], new: Mapping[str, Any], path: KeyPath, places: dict[KeyPath, str], texts: dict[KeyPath, str]
) -> None:
    """Update a mapping key by key; where both sides hold a mapping, inside it."""
    for key, value in new.items():
        own = (*path, key)
        if isinstance(value, Mapping) and isinstance(config.get(key), dict):
            _update(config[key], value, own, places, texts)
            continue
        for table in (places, texts):
            for stale in [other for other in table if other[: len(own)] == own]:
                del table[stale]
        config[key] = value


def _is_key(parts: Sequence[str], schema: Mapping[str, Any]) -> bool:
    """Whether a study may have a key of this path."""
    node = dict(schema)
    for part in parts:
        others = node.get("additionalProperties")
        if part not in node.get("properties", {}):
            return isinstance(others, Mapping)  # names that the user chooses may hold dots
        node = resolve(node["properties"][part], schema)
    return True


def _at(config: Any, path: KeyPath) -> Any:
    for part in path:
        config = config.get(part) if isinstance(config, Mapping) else None
    return config
