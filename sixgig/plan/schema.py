"""The schema of a study file, put together from its parts: ``python -m sixgig.plan.schema`` writes config/schema.yaml.

Every arm, control, classifier and adapter describes its own options in a YAML file of its folder; the rest stands in
``schema.yaml`` beside this module, in which a comment such as ``# <- arms`` marks where the parts go.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sixgig.arms import registry as arms
from sixgig.arms.instances import arms_in_order, kind_of
from sixgig.classifiers import registry as classifiers
from sixgig.cohorts import registry as cohorts
from sixgig.runtime.discovery import load_yaml

#: Where the whole schema is kept for people and editors, in a clone.
WRITTEN = Path(__file__).resolve().parents[2] / "config" / "schema.yaml"
_HEADER = "# Made by `make format` (python -m sixgig.plan.schema) from schema.yaml and options.yaml files of sixgig/.\n"


@cache
def load_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file; made once, so leave it as it is."""
    schema: dict[str, Any] = load_yaml(schema_text())
    return schema


def schema_text() -> str:
    """Return the schema as YAML, with the parts in their places: what config/schema.yaml holds."""
    controls = sorted(name for name in arms.look_names() if arms.is_control(name))
    kinds = [name for name in arms.arm_names() if not arms.is_control(name)]
    parts = {
        "arms": "".join(f"{kind}: {_reference(kind)}\n" for kind in kinds),
        "arm choices": "".join(f"- {_reference(kind)}\n" for kind in kinds),
        "arm stanzas": "".join(f"arm_{kind}:\n{textwrap.indent(_arm_stanza(kind), '  ')}" for kind in kinds),
        "controls": _stanzas((arms.control_key(name), arms.FOLDER / name) for name in controls),
        "classifiers": _stanzas(
            (name, classifiers.FOLDER / name) for name in classifiers.classifier_names() if not classifiers.alone(name)
        ),
        "definitions": _text(classifiers.DEFINITIONS),
        "adapters": "".join(map(_text, cohorts.option_files())),
        "adapter names": f"enum: [{', '.join(cohorts.adapter_names())}]\n",
    }
    text = _text(Path(__file__).with_name("schema.yaml"))
    return _HEADER + re.sub(
        r"^( *)# <- (.+)\n", lambda match: textwrap.indent(parts[match[2]], match[1]), text, flags=re.MULTILINE
    )


def study_schema(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one study, in which every arm has the stanza of its kind, in display order.

    Args:
        config: The study file, right or not; an arm of no known kind is left to the general schema.
    """
    schema = load_schema()
    stanzas = config.get("arms")
    if not isinstance(stanzas, Mapping):
        return schema
    known = {name: kind_of(name, stanzas[name]) for name in arms_in_order(config)}
    own = {name: {"$ref": f"#/$defs/arm_{kind}"} for name, kind in known.items() if f"arm_{kind}" in schema["$defs"]}
    node = {**schema["properties"]["arms"], "properties": own}
    return {**schema, "properties": {**schema["properties"], "arms": node}}


def _reference(kind: str) -> str:
    return f'{{$ref: "#/$defs/arm_{kind}"}}'


def _arm_stanza(kind: str) -> str:
    """Return the options of a kind with the keys that every arm has."""
    own = [
        "properties:",
        f"  kind: {{description: The arm's kind; its name when absent., const: {kind}}}",
        '  title: {$ref: "#/$defs/arm_title"}',
        '  colour: {$ref: "#/$defs/arm_colour"}',
    ]
    text = _text(arms.FOLDER / kind / "options.yaml")
    return re.sub(r"^properties:$", "\n".join(own), text, count=1, flags=re.MULTILINE)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() + "\n"


def _stanzas(homes: Iterable[tuple[str, Path]]) -> str:
    return "".join(f"{key}:\n{textwrap.indent(_text(home / 'options.yaml'), '  ')}" for key, home in homes)


if __name__ == "__main__":
    WRITTEN.write_text(schema_text(), encoding="utf-8")
