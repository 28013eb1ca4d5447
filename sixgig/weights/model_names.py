"""Which networks timm has, looked up in its source: importing timm takes seconds, and planning should not."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_MODEL = re.compile(r"^@register_model\s+def (\w+)", re.MULTILINE)
_TAGGED = re.compile(r"""^\s+['"](\w+\.[\w.-]+)['"]\s*:""", re.MULTILINE)


def is_surely_known(model: str) -> bool:
    """Whether timm has a network of this name, with the tag of its weights if it has one.

    False says nothing: :func:`sixgig.weights.loading.check_model` asks timm itself then.
    """
    models, tagged = _names()
    return model in tagged if "." in model else model in models


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of timm's networks, and those with a tag."""
    spec = find_spec("timm")
    if spec is None or not spec.origin:
        return frozenset(), frozenset()
    text = "\n".join(
        file.read_text(encoding="utf-8", errors="replace")
        for file in sorted((Path(spec.origin).parent / "models").glob("*.py"))
    )
    models = frozenset(_MODEL.findall(text))
    return models, frozenset(name for name in _TAGGED.findall(text) if name.split(".")[0] in models)
