"""The text of a new study file: a template, filled in with what was found."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from sixgig.command.findings import Findings
from sixgig.runtime.places import WORKFLOW
from sixgig.version import __version__

_TEMPLATE = Path(__file__).with_name("study.yaml.template")
#: Below this number of slices, volumes are thin stacks.
_THIN = 32
#: Voxels of stored volumes along z, y and x, and of a patch of them.
_STACK = ([16, 64, 64], [4, 16, 16])
_BLOCK = ([64, 64, 64], [8, 16, 16])


def study_text(findings: Findings, source: str, file: str) -> str:
    """Return a study file.

    Args:
        findings: What was found in the data.
        source: What the user named.
        file: Name of the study file.
    """
    import yaml

    default = yaml.safe_load((WORKFLOW / "config" / "config.yaml").read_text(encoding="utf-8"))
    stanza, masked = dict(findings.stanza), ""
    if findings.depth is not None:
        size, patch = _STACK if findings.depth < _THIN else _BLOCK
        slices = {"all": True} if findings.depth <= size[0] else {"count": 8}
        stanza |= {"slices": slices, "volume": {"size": size}}
        masked = f"\n    crop: {size}\n    patch: {patch}"
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        version=__version__,
        source=source,
        file=file,
        found=_comments(findings.found),
        check=_comments(findings.notes),
        name=findings.name,
        cohort=_block({findings.name: stanza}),
        weights=_block(default["weights"]),
        masked=masked,
        folds=findings.folds,
    )


def _comments(lines: Sequence[str]) -> str:
    wrapped = (textwrap.wrap(line, 110, initial_indent="#   - ", subsequent_indent="#     ") for line in lines)
    return "\n".join(line for lines in wrapped for line in lines)


def _block(entries: Mapping[str, Any]) -> str:
    """Return entries of a section as YAML, two spaces in, each of their keys on one line."""
    import yaml

    lines = []
    for name, entry in entries.items():
        lines.append(f"  {name}:")
        for key, value in entry.items():
            flow = yaml.safe_dump(
                {key: value}, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
            )
            lines.append(f"    {flow.strip()[1:-1]}")  # without its braces
    return "\n".join(lines)
