"""Which images a study file asks for by their tags: the option `select`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sixgig.cohorts.dicom.values import Values, name_of
from sixgig.errors import ConfigError

#: A word that is no tag: axial, sagittal or coronal, by the slices' directions.
PLANE = "plane"
_TAG = re.compile(r"^\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?$")
#: Conditions on these mean a series by what it is, also when it is a projection or a localizer.
_NAMING = ("SeriesDescription", "ImageType", "SOPClassUID", "SeriesInstanceUID", "SeriesNumber", "ProtocolName")


@dataclass(frozen=True)
class _Condition:
    """What one tag has to hold: one of the values, a match of the pattern, and nothing that is refused."""

    name: str
    exact: tuple[str, ...]
    pattern: re.Pattern[str] | None
    refused: tuple[_Condition, ...]

    @property
    def is_positive(self) -> bool:
        return bool(self.exact) or self.pattern is not None

    def holds(self, values: Values) -> bool:
        return (not self.is_positive or self._found(values)) and not any(one._found(values) for one in self.refused)

    def _found(self, values: Values) -> bool:
        texts = values.get(self.name, ())
        candidates = [*texts, "\\".join(texts)] if texts else []
        if self.pattern is not None:
            return any(self.pattern.search(text) for text in candidates)
        return any(_same(text, wanted) for text in candidates for wanted in self.exact)


class Selection:
    """Conditions on tags; an image is selected when all of them hold.

    Args:
        given: Tag -> a value, a list of values, ``{matches: pattern}`` or ``{not: any of these}``. Tags are keywords of
            DICOM, ``gggg,eeee``, or ``plane`` (axial, sagittal, coronal). A tag of several values holds when one of
            them does, or all of them joined by backslashes.
        place: Config key, for the error message.

    Raises:
        ConfigError: There is no such tag, or a condition is of no known form.
    """

    def __init__(self, given: Mapping[str, Any] | None, place: str) -> None:
        self.tags: dict[str, str | int] = {}
        conditions = []
        for key, wanted in (given or {}).items():
            name = self._name(str(key), place)
            conditions.append(_condition(name, wanted, place))
        self._conditions = tuple(conditions)

    def __bool__(self) -> bool:
        return bool(self._conditions)

    @property
    def names(self) -> list[str]:
        """The tags by the names that values have."""
        return list(self.tags)

    @property
    def wanted(self) -> list[str | int]:
        """Tags to read."""
        return [tag for name, tag in self.tags.items() if name != PLANE]

    @property
    def names_series(self) -> bool:
        """Whether a condition says which series or type of image is meant."""
        return any(one.is_positive and one.name in _NAMING for one in self._conditions)

    def holds(self, values: Values) -> bool:
        """Whether an image with these tags is selected."""
        return all(one.holds(values) for one in self._conditions)

    def _name(self, key: str, place: str) -> str:
        from pydicom.datadict import DicomDictionary, dictionary_keyword, tag_for_keyword

        if key == PLANE:
            self.tags[key] = key
            return key
        number = _TAG.match(key)
        if number:
            tag = int(number[1] + number[2], 16)
            try:
                keyword = dictionary_keyword(tag)
            except KeyError:  # a private tag
                keyword = ""
            wanted: str | int = keyword or tag
            self.tags[name_of(wanted)] = wanted
            return name_of(wanted)
        if tag_for_keyword(key) is None:
            words = [entry[4] for entry in DicomDictionary.values()]
            near = difflib.get_close_matches(key, words, n=1)
            hint = (
                f"write {near[0]}"
                if near
                else "write a keyword such as SeriesDescription, or a number such as 0018,0081"
            )
            raise ConfigError(place, f"names {key}, which is no tag of DICOM", hint)
        self.tags[key] = key
        return key


def _condition(name: str, wanted: Any, place: str) -> _Condition:
    if not isinstance(wanted, Mapping):
        return _Condition(name, _list(wanted, name, place), None, ())
    unknown = set(wanted) - {"matches", "not"}
    if unknown or not wanted:
        raise ConfigError(
            place, f"says {dict(wanted)!r} of {name}", "write a value, a list, {matches: pattern} or {not: value}"
        )
    refused: tuple[_Condition, ...] = ()
    if "not" in wanted:
        refused = (_condition(name, wanted["not"], place),)
    pattern = None
    if "matches" in wanted:
        try:
            pattern = re.compile(str(wanted["matches"]), re.IGNORECASE)
        except re.error as error:
            raise ConfigError(
                place, f"{wanted['matches']!r} is not a regular expression: {error}", "correct it"
            ) from None
    return _Condition(name, (), pattern, refused)


def _list(wanted: Any, name: str, place: str) -> tuple[str, ...]:
    several = wanted if isinstance(wanted, list | tuple) else [wanted]
    if not several or any(isinstance(one, Mapping | list) or one is None for one in several):
        raise ConfigError(
            place, f"has no value for {name}", "write a value, a list, {matches: pattern} or {not: value}"
        )
    return tuple(str(one).strip() for one in several)


def _same(text: str, wanted: str) -> bool:
    """Whether two values are the same: as text whatever the case, or as numbers."""
    if text.casefold() == wanted.casefold():
        return True
    try:
        return float(text) == float(wanted)
    except ValueError:
        return False
