"""The computation type in the report's table of arms, with what it changes where that was measured."""

import pytest

from sixgig.reporting.results import _precision


@pytest.mark.parametrize(
    ("sidecar", "told"),
    [
        ({"dtype": "float32"}, "float32"),
        ({"dtype": "bfloat16"}, "bfloat16"),  # on a card
        ({"dtype": "bfloat16", "rounding": {"relative_error": 0.00757}}, "bfloat16, 0.757% from float32"),
    ],
)
def test_precision_says_how_far_features_are_off(sidecar, told):
    assert _precision(sidecar) == told
