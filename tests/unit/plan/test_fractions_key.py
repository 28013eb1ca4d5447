"""The key evaluation.fractions: shares above 0 and up to 1, each once."""

import pytest
import yaml

from sixgig.errors import ConfigError
from sixgig.plan.config import complete
from sixgig.runtime.places import WORKFLOW


def completed(shares):
    config = yaml.safe_load((WORKFLOW / "config/config.yaml").read_text())
    config.setdefault("evaluation", {})["fractions"] = shares
    return complete(config)


@pytest.mark.parametrize("shares", [[0, 0.5], [1.5], [-0.1], [0.5, 0.5], [1, 1.0], [], ["half"], 0.5])
def test_wrong_shares_are_refused(shares):
    with pytest.raises(ConfigError, match=r"evaluation\.fractions"):
        completed(shares)


def test_shares_are_kept_and_nothing_is_filled_in_without_them():
    assert completed([0.1, 0.25, 0.5, 1.0])["evaluation"]["fractions"] == [0.1, 0.25, 0.5, 1.0]
    config = yaml.safe_load((WORKFLOW / "config/config.yaml").read_text())
    assert "fractions" not in complete(config)["evaluation"]
