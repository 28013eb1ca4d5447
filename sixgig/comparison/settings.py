"""What differs between two study files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sixgig.results.study import Study

#: Names of a study, which always differ and change nothing.
_NAMES = ("study", "title")
#: What stands for a key that a study has not.
ABSENT = "-"


class Difference(NamedTuple):
    """A key of a study file, or a version, that is not the same in two studies."""

    key: str
    a: str
    b: str


def differing_settings(a: Study, b: Study) -> list[Difference]:
    """Return the keys whose values differ, sorted; a part that one study has not stands there once."""
    return list(_differences(_without_names(a.config), _without_names(b.config), ""))


def differing_versions(a: Study, b: Study) -> list[Difference]:
    """Return versions of sixgig and packages that differ."""
    one, other = ({"sixgig": study.info.get("sixgig"), **(study.info.get("versions") or {})} for study in (a, b))
    return list(_differences(one, other, "versions"))


def _without_names(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in _NAMES}


def _differences(a: Any, b: Any, key: str) -> Iterator[Difference]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for name in sorted({*a, *b}, key=str):
            inner = f"{key}.{name}" if key else str(name)
            if name not in a or name not in b:
                yield Difference(inner, _shown(a.get(name, ABSENT)), _shown(b.get(name, ABSENT)))
            else:
                yield from _differences(a[name], b[name], inner)
    elif a != b:
        yield Difference(key, _shown(a), _shown(b))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_shown(entry)}' for name, entry in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if _is_word(value) else str(value)


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)
