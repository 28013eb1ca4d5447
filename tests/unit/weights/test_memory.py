"""The weights stage reserves by the size of the network."""

import pytest

from sixgig.plan.plan import Plan
from sixgig.weights.memory import LEAST_MB, weights_memory_mb
from tests.unit.arms.test_instances import PURE, STUDY


@pytest.mark.parametrize(("parameters", "measured"), [(85_798_656, 1673), (303_301_632, 4165)])
def test_it_is_enough_for_what_was_measured_and_not_much_more(parameters, measured):
    assert measured <= weights_memory_mb(parameters, 4 * parameters) <= max(LEAST_MB, 1.1 * measured)


def test_a_file_with_an_optimiser_takes_more_and_an_unknown_network_what_its_file_says():
    assert weights_memory_mb(300e6, int(3.6e9)) - weights_memory_mb(300e6) == pytest.approx(2 * 2.4e9 / 2**20, abs=1)
    assert weights_memory_mb(None) == LEAST_MB
    assert weights_memory_mb(None, int(4e9)) == weights_memory_mb(1e9)


def test_the_plan_knows_the_network():
    study = {**STUDY, "arms": {"a": PURE | {"weights": "large"}, "b": PURE}}
    large = {"source": {"hub": {}}, "model": "vit_large_patch16_224.augreg_in21k"}
    found = Plan({**study, "weights": STUDY["weights"] | {"large": large}}, look=False)
    assert found.weights_memory("vit") == LEAST_MB
    assert found.weights_memory("large") == pytest.approx(800 + 12 * 303.3e6 / 2**20, rel=0.01)
