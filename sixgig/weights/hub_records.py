"""What is written down of a repository of the hub at its first download: the commit, the file and its sha256."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sixgig.errors import WeightsError
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.locks import locked


class Record:
    """The record of one revision of a repository, held against other jobs while it is open.

    Args:
        downloads: Folder in which fetched files are kept; records are in ``hub`` below it.
        repository: Owner and name.
        revision: As it was asked for: a branch, a tag or a commit.
    """

    def __init__(self, downloads: Path, repository: str, revision: str) -> None:
        name = re.sub(r"[^\w.-]", "--", f"{repository}@{revision}")
        self._path = downloads / "hub" / f"{name}.json"
        self._about = {"repository": repository, "revision": revision}
        self._content: dict[str, Any] = {}
        self._lock = ExitStack()

    def __enter__(self) -> Record:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.enter_context(locked(self._path.with_suffix(".lock")))
        if self._path.exists():
            try:
                self._content = dict(read_json(self._path))
            except (OSError, ValueError) as error:
                self._lock.close()
                step = "delete it; it is written again at the next download"
                raise WeightsError(self._path, f"is not readable: {error}", step) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def commit(self) -> str:
        """The commit that the revision meant; empty before the first download."""
        return str(self._content.get("commit", ""))

    @property
    def file(self) -> str:
        """The file that was taken when none was asked for; empty before the first download."""
        return str(self._content.get("file", ""))

    @property
    def configs(self) -> dict[str, Any] | None:
        """The JSON of the files beside the weights by their names; None before the first download."""
        found: dict[str, Any] | None = self._content.get("configs")
        return found

    def sha256(self, file: str) -> str | None:
        """Return what a file had at its first download; None before it."""
        found: str | None = self._content.get("sha256", {}).get(file)
        return found

    def write(self, commit: str, file: str, sha256: str, configs: dict[str, Any] | None, of: str = "") -> None:
        """Write down what was downloaded; what stands there already stays.

        Args:
            commit: The commit.
            file: The weights file, or the index of its shards.
            sha256: Of ``file``, or of the shard ``of``.
            configs: See :attr:`configs`.
            of: A shard; empty for the file itself.
        """
        written = dict(self._content.get("sha256", {}))
        first: dict[str, Any] = {**self._about, "commit": commit, "file": file}
        if configs is not None:
            first["configs"] = configs
        content = {**first, **self._content, "sha256": {of or file: sha256, **written}}
        if content != self._content:
            write_json(self._path, content)
            self._content = content
