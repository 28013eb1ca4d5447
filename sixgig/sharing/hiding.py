"""A copy of a study in which pseudonyms stand for names, and nothing says where files lie on this machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from sixgig.errors import SixgigError
from sixgig.plan.paths import named_paths
from sixgig.plan.schema import study_schema
from sixgig.runtime.atomic import read_json, write_json
from sixgig.sharing.names import Names, table_of

LEFT_OUT = "(left out)"
#: Pictures in a page: their letters are no text.
_PICTURE = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
_TEXT = (".csv", ".json", ".html", ".svg", ".md", ".tex", ".txt", ".yaml", ".log", ".tsv")


def hide(folder: Path, place: Path, name: str, names: Names) -> None:
    """Copy one file of a study, with pseudonyms for names.

    Args:
        folder: The study's folder.
        place: The folder of the copy.
        name: The file, by its path from there.
        names: The study's names.
    """
    source, target = folder / name, place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    table = table_of(name)
    if table is not None:
        table.write(names.table(table.read(source)), target)
    elif target.name == "leakage.json":
        write_json(target, _hidden_groups(read_json(source), names))
    elif target.suffix == ".json":
        write_json(target, _without_places(hidden_values(read_json(source), names), PurePosixPath(name)))
    elif target.suffix in _TEXT:
        target.write_text(names.anywhere(source.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _hidden_groups(value: Any, names: Names) -> Any:
    """Return what the leakage gate found, whose lists hold names of images or volumes alone."""
    if isinstance(value, Mapping):
        return {key: _hidden_groups(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [_hidden_groups(entry, names) for entry in value]
    return names.of_item(value) if isinstance(value, str) else value


def hidden_values(value: Any, names: Names) -> Any:
    """Return a JSON-like value with pseudonyms; a text with a space is a sentence, and other texts are words."""
    if isinstance(value, Mapping):
        return {names.anywhere(str(key)): hidden_values(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [hidden_values(entry, names) for entry in value]
    if isinstance(value, str):
        return names.in_sentence(value) if " " in value else names.anywhere(value)
    return value


def _without_places(value: Any, name: PurePosixPath) -> Any:
    """Return a file's content without the paths of this machine."""
    if name.name == "source.json":
        return {key: LEFT_OUT if key == "root" else entry for key, entry in value.items()}
    if name == PurePosixPath("study.json"):
        return value | {"config": without_paths(value.get("config") or {})}
    return value


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study file without the paths that it names."""
    schema = study_schema(config)
    paths = {text for _, text in named_paths(config, schema, schema)}

    def replaced(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: replaced(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [replaced(entry) for entry in value]
        return LEFT_OUT if isinstance(value, str) and value in paths else value

    return {str(key): replaced(entry) for key, entry in config.items()}


def check_hidden(folder: Path, files: list[str], names: Names) -> None:
    """Look for names in everything that goes into an archive.

    Raises:
        SixgigError: One is there: the archive must not be written.
    """
    for name in files:
        for text in readable_text(folder / name):
            found = names.found_in(text)
            if found is not None:
                raise SixgigError(
                    folder.name + "/" + name,
                    f"still holds the name {found} after names were hidden, so no archive was written",
                    "please report this; `sixgig bundle` without --hash-ids makes an archive for yourself",
                )


def readable_text(path: Path) -> Iterator[str]:
    """Yield what a person or a program can read in a file: its path, its text, and the texts inside pictures."""
    yield path.name
    if path.suffix in _TEXT:
        yield _PICTURE.sub("", path.read_text(encoding="utf-8", errors="replace"))
    elif path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as picture:
            picture.load()
            yield " ".join(f"{key} {value}" for key, value in picture.info.items())
