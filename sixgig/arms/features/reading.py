"""The user's file of features: what its columns are called, and its numbers."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sixgig.cohorts.checks import did_you_mean
from sixgig.cohorts.csv_rows import open_table
from sixgig.errors import ArmError

SUFFIXES = (".csv", ".tsv", ".parquet", ".npz")
_SHOWN = 3
#: Chooses the columns that are features, of a header.
Choose = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True)
class Rows:
    """A file of features.

    Attributes:
        ids: What each row is about, as it is written there.
        places: Where each row is, such as ``row 3``.
        columns: Names of the features.
        values: float32 [n, d], all finite.
        header: All columns of the file.
    """

    ids: list[str]
    places: list[str]
    columns: list[str]
    values: np.ndarray
    header: list[str]


def read_header(path: Path, id_column: str) -> list[str]:
    """Return the names of a file's columns; of an .npz, the id and those of the features.

    Raises:
        ArmError: The file is of no known kind, cannot be read, or lacks the ids.
        CohortError: It cannot be read as a table.
    """
    kind = _kind(path)
    if kind == ".npz":
        return [id_column, *_npz_columns(path, _arrays(path), id_column)]
    if kind == ".parquet":
        with _opening(path):
            header = [str(name) for name in _parquet().read_schema(path).names]
        _require_id(path, id_column, header)
        return header
    return open_table(path, (id_column,))[0]


def read(path: Path, id_column: str, choose: Choose) -> Rows:
    """Read a file of features.

    Args:
        path: A .csv, .tsv, .parquet or .npz file.
        id_column: Column of the ids.
        choose: Chooses the columns that are features, of all but the ids.

    Raises:
        ArmError: See :func:`read_header`; or a value is missing, no number, not finite, or too large.
        CohortError: It cannot be read as a table.
    """
    kind = _kind(path)
    if kind == ".npz":
        return _read_npz(path, id_column, choose)
    return _read_parquet(path, id_column, choose) if kind == ".parquet" else _read_text(path, id_column, choose)


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise ArmError(path, f"is none of {', '.join(SUFFIXES)}", "save the features as one of these")
    return kind


def _read_text(path: Path, id_column: str, choose: Choose) -> Rows:
    header, cells_of = open_table(path, (id_column,))
    columns = choose([name for name in header if name and name != id_column])
    place_of, at = header.index(id_column), [header.index(name) for name in columns]
    twice = sorted({name for name in (id_column, *columns) if header.count(name) > 1})
    if twice:
        raise ArmError(path, f"has the column {twice[0]} twice", "rename one of the two")
    ids, places, rows, wrong = [], [], [], _Wrong(path)
    for number, cells in cells_of:
        padded = [*cells, *[""] * (len(header) - len(cells))]
        ids.append(padded[place_of])
        places.append(f"row {number}")
        texts = [padded[place] for place in at]
        try:
            row = np.array(texts, dtype=np.float64)
        except ValueError:
            row = np.array([wrong.number(text, places[-1], name) for text, name in zip(texts, columns, strict=True)])
        rows.append(row)
    wrong.refuse_texts()
    values = np.stack(rows) if rows else np.zeros((0, len(columns)))
    return Rows(ids, places, columns, wrong.finite(values, places, columns), header)


class _Wrong:
    """Collects the cells that are no numbers, to name some and count all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[tuple[str, str, str]] = []

    def number(self, text: str, place: str, column: str) -> float:
        """Return a cell's number; NaN for one that is empty, or noted as none."""
        try:
            return float(text) if text else math.nan
        except ValueError:
            self._found.append((text, place, column))
            return math.nan

    def refuse_texts(self) -> None:
        """Raise :class:`ArmError` for cells that hold other text than numbers."""
        if not self._found:
            return
        columns = list(dict.fromkeys(column for _, _, column in self._found))
        text, place, column = self._found[0]
        comma = text.count(",") == 1 and text.replace(",", "", 1).lstrip("+-").isdigit()
        step = "list the columns that are numbers under `columns`"
        raise ArmError(
            self._path,
            f"holds text where numbers belong: {text!r} in {place}, column {column}; {len(self._found)} cells in "
            f"{len(columns)} columns ({_some(columns)})",
            f"write {text.replace(',', '.')}: numbers need a decimal point" if comma else step,
        )

    def finite(self, values: np.ndarray, places: Sequence[str], columns: Sequence[str]) -> np.ndarray:
        """Return values as float32.

        Raises:
            ArmError: One is missing, not finite, or too large for float32.
        """
        with np.errstate(over="ignore"):
            found = values.astype(np.float32)
        bad = ~np.isfinite(found)
        if bad.any():
            row, column = (int(number[0]) for number in np.nonzero(bad))
            value = float(values[row, column])
            what = "is missing or not a number (NaN)" if math.isnan(value) else "is infinite"
            what = f"is {value:g}, too large for float32" if math.isfinite(value) else what
            names = [columns[int(place)] for place in np.flatnonzero(bad.any(axis=0))]
            raise ArmError(
                self._path,
                f"the value in {places[row]}, column {columns[column]} {what}; {int(bad.sum())} such values in "
                f"{len(names)} columns ({_some(names)})",
                "compute them again, or leave these columns out by `columns`; nothing is filled in here",
            )
        return found


def _read_parquet(path: Path, id_column: str, choose: Choose) -> Rows:
    import pyarrow as pa

    header = read_header(path, id_column)
    columns = choose([name for name in header if name != id_column])
    with _opening(path):
        table = _parquet().read_table(path, columns=[id_column, *columns])
    wrong = _Wrong(path)
    parts = []
    for name in columns:
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            step = "list the columns that are numbers under `columns`"
            raise ArmError(path, f"the column {name} holds {kind}, not numbers", step)
        parts.append(table[name].cast(pa.float64(), safe=False).to_numpy())
    values = np.stack(parts, axis=1)
    ids = ["" if value is None else str(value) for value in table[id_column].to_pylist()]
    places = [f"row {number}" for number in range(1, len(ids) + 1)]
    return Rows(ids, places, columns, wrong.finite(values, places, columns), header)


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ArmError("pyarrow", "is not installed, and .parquet files need it", "save the table as .csv") from None
    return pyarrow.parquet


def _read_npz(path: Path, id_column: str, choose: Choose) -> Rows:
    arrays = _arrays(path)
    known = _npz_columns(path, arrays, id_column)
    ids, values = [str(name) for name in arrays[id_column]], arrays["features"]
    if len(ids) != len(values):
        raise ArmError(path, f"has {len(ids)} ids and {len(values)} rows of features", "write as many of both")
    columns = choose(known)
    places = [f"row {number}" for number in range(len(ids))]
    values = values[:, [known.index(name) for name in columns]]
    return Rows(ids, places, columns, _Wrong(path).finite(values, places, columns), [id_column, *known])


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name."""
    with _opening(path):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array without a name, as numpy.save writes it")
        with archive:
            return {name: archive[name] for name in archive.files}


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    """Name the file that a library cannot read, whatever it raises."""
    try:
        yield
    except (OSError, ValueError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        said = " ".join(str(error).split())
        objects = "Object arrays" in said
        step = "save ids as text and features as numbers" if objects else "write the file again"
        reason = f"holds Python objects: {said}" if objects else f"is no {path.suffix} file: {said}"
        raise ArmError(path, reason, step) from error


def _npz_columns(path: Path, arrays: Mapping[str, np.ndarray], id_column: str) -> list[str]:
    """Return the names of the features, ``feature_0`` and so on where the file has none."""
    _require_id(path, id_column, list(arrays))
    if "features" not in arrays:
        raise ArmError(path, f"holds {', '.join(arrays)}, and no array `features`", "name it `features`")
    values, ids, names = arrays["features"], arrays[id_column], arrays.get("columns")
    if values.ndim != 2 or values.dtype.kind not in "fiub" or ids.ndim != 1:
        reason = f"features are {values.dtype} {list(values.shape)} and {id_column} {list(ids.shape)}"
        raise ArmError(path, reason, "features have to be numbers [n, d], ids text [n]")
    if names is None:
        return [f"feature_{number}" for number in range(values.shape[1])]
    if names.shape != (values.shape[1],):
        reason = f"has {names.size} names of columns for {values.shape[1]} features"
        raise ArmError(path, reason, "write one name for each feature")
    found = [str(name) for name in names]
    twice = next((name for name, number in Counter(found).items() if number > 1), None)
    if twice is not None:
        raise ArmError(path, f"has the column {twice} twice", "rename one of the two")
    return found


def _require_id(path: Path, id_column: str, header: Sequence[str]) -> None:
    if id_column not in header:
        step = f"{did_you_mean(id_column, header)}name the column of the ids under `id`"
        raise ArmError(path, f"lacks the column {id_column} of the ids; it has {_some(header)}", step)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
