"""The language of report and figures: English sentences in the code, translations in ``languages/<name>.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from sixgig.runtime.discovery import load_yaml

_FOLDER = Path(__file__).parent / "languages"
#: What `language` may be in a study file: English, and each language that has a file of translations.
LANGUAGES = ("en", *sorted(path.stem for path in _FOLDER.glob("*.yaml")))
_current: ContextVar[str] = ContextVar("language", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within this context, :func:`tr` and the number formats use this language.

    Raises:
        ValueError: The language is unknown.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> str:
    """Return the name of the language in use."""
    return _current.get()


def tr(text: str, /, **values: object) -> str:
    """Return ``text`` in the language in use, with its ``{placeholders}`` filled in.

    A text without a translation stays as it is; such texts are names that a user or a newer arm introduced. A test
    checks that every literal that the package passes here is translated.

    Args:
        text: English text; with ``values``, a format string.
        values: What the placeholders stand for.
    """
    found = text if current() == "en" else catalogue(current()).get(text, text)
    return found.format(**values) if values else found


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return English text -> its translation."""
    pairs = load_yaml((_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    return {pair["en"]: pair[language] for pair in pairs}
