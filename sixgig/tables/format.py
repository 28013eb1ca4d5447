"""What a table format is: columns with types and meanings, checked on every write and read."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pandas as pd

from sixgig.errors import TableError
from sixgig.runtime.atomic import atomic_path
from sixgig.tables.formulas import FORMULA, GUARD

#: pandas types by the name used in a specification. The capital ``Int64`` allows missing values.
_TYPES = {"string": "string", "integer": "Int64", "number": "float64"}


@dataclass(frozen=True)
class Column:
    """One column: its name, type (``string``, ``integer``, ``number``) and meaning."""

    name: str
    type: str
    description: str
    required: bool = True  # a required column holds no missing value
    optional: bool = False  # an optional column may be absent; it is then filled with missing values
    rare: bool = False  # a rare column may be absent, and is then not written either


@dataclass(frozen=True)
class Table:
    """A table format: file name, columns in order, and what it holds.

    ``extra_prefix`` allows further number columns whose names start with it (class scores).
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    extra_prefix: str = field(default="")

    @property
    def column_names(self) -> list[str]:
        """The names of the fixed columns, in file order; rare ones are not among them."""
        return [column.name for column in self.columns if not column.rare]

    def check(self, frame: pd.DataFrame, place: object) -> pd.DataFrame:
        """Return ``frame`` with this table's columns, order and types.

        Args:
            frame: The rows.
            place: The file, for the error message.

        Raises:
            TableError: A column is missing, unknown, of another type, or empty where a value is required.
        """
        names = self._names_in(frame)
        extra = [name for name in frame.columns if name not in names]
        unknown = [name for name in extra if not (self.extra_prefix and name.startswith(self.extra_prefix))]
        absent = [column.name for column in self.columns if column.optional and column.name not in frame.columns]
        if absent:
            frame = frame.assign(**dict.fromkeys(absent))
        missing = [name for name in names if name not in frame.columns]
        if missing or unknown:
            raise TableError(
                place,
                f"{self.name} needs the columns {', '.join(self.column_names)}; "
                f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}",
                "delete the file and run snakemake again, or correct its header if you wrote it yourself",
            )
        kinds = {column.name: column.type for column in self.columns if column.name in names} | dict.fromkeys(
            extra, "number"
        )
        columns: dict[str, pd.Series] = {}
        for name, kind in kinds.items():
            try:
                columns[name] = frame[name].astype(_TYPES[kind])  # type: ignore[call-overload]
            except (ValueError, TypeError) as error:
                raise TableError(
                    place, f"column {name!r} is not of type {kind}: {error}", "correct the values in that column"
                ) from error
        checked = pd.DataFrame(columns, index=frame.index, copy=True)
        for column in self.columns:
            if column.required and column.name in names and checked[column.name].isna().any():
                row = int(checked[column.name].isna().to_numpy().argmax())
                raise TableError(
                    place, f"column {column.name!r} is empty in data row {row + 1}", "fill in the missing value"
                )
        return checked

    def _names_in(self, frame: pd.DataFrame) -> list[str]:
        """The fixed columns of a frame: all but the rare ones that it lacks."""
        return [column.name for column in self.columns if not column.rare or column.name in frame.columns]

    def write(self, frame: pd.DataFrame, path: str | PathLike[str]) -> None:
        """Check ``frame`` and write it atomically as CSV with ten significant digits."""
        checked = self.check(frame, path)
        with atomic_path(path) as partial:
            self._guarded(checked).to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")

    def read(self, path: str | PathLike[str]) -> pd.DataFrame:
        """Read and check a CSV file of this format.

        Raises:
            TableError: The file is missing, is not CSV, or does not hold these columns.
        """
        text = {column.name: "string" for column in self.columns if column.type == "string"}
        try:
            # Class names such as "NA" or "None" are text, not missing values.
            frame = pd.read_csv(Path(path), dtype=text, keep_default_na=False, na_values=[""])
        except (OSError, ValueError, pd.errors.ParserError) as error:
            raise TableError(path, f"cannot be read as CSV: {error}", "run snakemake to write it again") from error
        for name in text if _has_apostrophe(Path(path)) else ():
            if name in frame:
                frame[name] = frame[name].str.replace(GUARD, "", regex=True)
        return self.check(frame, path)

    def _guarded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Put an apostrophe before text that a spreadsheet would run as a formula; :meth:`read` takes it away."""
        texts = [column.name for column in self.columns if column.type == "string" and column.name in frame]
        return frame.assign(**{name: frame[name].str.replace(FORMULA, "'", regex=True) for name in texts})


def _has_apostrophe(path: Path) -> bool:
    """Whether a file holds an apostrophe: without one no text in it is guarded."""
    with path.open("rb") as file:
        return any(b"'" in block for block in iter(lambda: file.read(1 << 20), b""))


#: Columns that several tables share.
COHORT = Column("cohort", "string", "cohort name from the config")
ARM = Column("arm", "string", "arm or control that computed the features")
CLASSIFIER = Column("classifier", "string", "classifier fitted to the features")
METRIC = Column("metric", "string", "metric name, see sixgig.evaluation.metrics")
SUBJECT = Column("subject_id", "string", "subject (patient)")
#: Of tables whose values are means over seeds.
N_SEEDS = Column(
    "n_seeds",
    "integer",
    "seeds whose values are averaged; empty without any, absent where every arm of the study has one",
    required=False,
    rare=True,
)
SEED_SD = Column(
    "seed_sd",
    "number",
    "standard deviation of the value between seeds, which the interval holds; empty with one seed",
    required=False,
    rare=True,
)
