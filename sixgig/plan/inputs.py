"""Whether what the user gave a cohort is still what it was prepared from.

Snakemake compares declared files; a cohort may have tens of thousands, on a network drive. So the rule carries a digest
of them all as a parameter, and a change of it runs the rule again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sixgig.cohorts.base import Adapter
from sixgig.cohorts.changes import describe_changes
from sixgig.cohorts.inventory import Inventory, Stock, next_attempt, read_inventory, take_stock, take_tables
from sixgig.cohorts.registry import open_adapter
from sixgig.errors import SixgigError
from sixgig.phantoms.marker import is_phantom
from sixgig.runtime.atomic import read_json
from sixgig.runtime.digests import settings_digest
from sixgig.runtime.known_digests import content_digest
from sixgig.runtime.paths import user_path

#: Files that sixgig itself fetched or wrote, and nobody has changed since.
AS_OBTAINED = "as obtained"
#: Variable of the environment that plans a study whose files need not be there, for `sixgig plan`. Jobs would fail.
BLIND = "SIXGIG_PLAN_BLIND"
#: Files of the user's own that are not there, while that variable is set.
NOT_THERE = "not there"


class CohortInput:
    """The files of one cohort, looked at once per process and only when they are asked for.

    Args:
        cohort: Name of the cohort.
        stanza: Its stanza in the study file, with defaults.
        folder: Where its prepared files are: ``results/<study>/cohorts/<cohort>``.
        inventory_file: Where preparation leaves its inventory.
        named: Whether subjects and their files may be named; False for a cohort with pseudonyms.
    """

    def __init__(
        self, cohort: str, stanza: Mapping[str, Any], folder: Path, inventory_file: Path, *, named: bool = True
    ) -> None:
        self.cohort, self._stanza, self._folder = cohort, stanza, folder
        self._inventory_file, self._named = inventory_file, named

    @cached_property
    def adapter(self) -> Adapter:
        """The cohort's adapter."""
        return open_adapter(self._stanza, f"cohorts.{self.cohort}")

    @cached_property
    def own_folder(self) -> Path | None:
        """The folder or file of the user's own that the study file names; None for what sixgig fetches or writes."""
        source = self._stanza["source"]
        path = source.get("path") or source.get("recipe", {}).get("folder")
        return user_path(path) if path else None

    @cached_property
    def simulated(self) -> bool:
        """Whether sixgig made the images: the study file asks for a phantom, or names a folder with its mark."""
        return "phantom" in self._stanza["source"] or (self.own_folder is not None and is_phantom(self.own_folder))

    @cached_property
    def root(self) -> Path | None:
        """Where the files are; None when they have not been obtained yet, or were removed after preparation."""
        if self.own_folder is not None:
            return None if BLIND in os.environ and not self.own_folder.exists() else self.own_folder
        obtained = Path(str(self._obtained.get("root", "")))
        return obtained if obtained.name and obtained.exists() else None

    @cached_property
    def inventory(self) -> Inventory | None:
        """What the cohort was prepared from."""
        return read_inventory(self._inventory_file)

    @cached_property
    def stock(self) -> Stock | None:
        """The files as they are now; None when they are not there.

        Raises:
            CohortError: They cannot be listed.
        """
        known = self.inventory.files if self.inventory else {}
        if self.root is None:
            return None
        if self.own_folder is None and known and self._content is None:
            # A copy of a study has other times: what was obtained is compared by content, and is the same.
            return Stock(self.root, dict(sorted({**known, **take_tables(self.adapter, self.root, known)}.items())))
        return take_stock(self.adapter, self.root, known)

    @cached_property
    def state(self) -> str:
        """What changes when a file changed; for files that sixgig obtained, when somebody changed them since.

        Raises:
            CohortError: The files cannot be listed.
        """
        if self.own_folder is not None:
            return NOT_THERE if self.stock is None else self.stock.state
        tables = take_tables(self.adapter, self.root or self._folder)
        labels = settings_digest({name: table.text for name, table in tables.items()}) if tables else ""
        return f"{self._content or AS_OBTAINED} {labels}".rstrip()

    @cached_property
    def attempt(self) -> int:
        """How often the same files were prepared again, since some that could not be read then can be read now."""
        known = self.inventory
        if known is None or not (known.attempt or known.again) or self.stock is None:
            return 0
        return next_attempt(known, self.stock)

    def changes(self) -> list[str]:
        """Say in words what has changed since the cohort was prepared; empty when nothing has, or nothing is known."""
        try:
            if self.inventory is None or self.stock is None:
                return []
            return describe_changes(self.adapter, self.inventory, self.stock, self._named)
        except SixgigError as error:
            return [str(error)]

    @cached_property
    def _content(self) -> str | None:
        """Digest of what sixgig obtained, when it is no longer what it was then."""
        recorded = self._obtained.get("content")
        if self.root is None or not recorded:
            return None
        try:
            found = content_digest(self.root)
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        return None if found == recorded else found

    @cached_property
    def _obtained(self) -> dict[str, Any]:
        try:
            found = read_json(self._folder / "source.json")
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
