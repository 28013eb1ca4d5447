"""Whatever stands in a study file, the answer is a message that names the key, never a raw exception."""

import contextlib
import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sixgig.errors import ConfigError
from sixgig.plan.config import complete

STUDY = yaml.safe_load((Path(__file__).parents[3] / "config" / "config.yaml").read_text())
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 300), st.floats(), st.text(max_size=5), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(0, 9), st.booleans()), inner, max_size=3),
    ),
    max_leaves=4,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything in a study file."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


PLACES = [place for place in places(STUDY) if place]


@settings(max_examples=300, deadline=None)
@given(where=st.lists(st.sampled_from(PLACES), min_size=1, max_size=2), value=VALUES, removed=st.booleans())
def test_a_changed_study_file(where: list[tuple[Any, ...]], value: Any, removed: bool) -> None:
    study = copy.deepcopy(STUDY)
    for place in where:
        node = study
        try:
            for key in place[:-1]:
                node = node[key]
            if removed:
                del node[place[-1]]
            else:
                node[place[-1]] = value
        except (KeyError, IndexError, TypeError):  # an earlier change took it away
            continue
    with contextlib.suppress(ConfigError):
        complete(study)
