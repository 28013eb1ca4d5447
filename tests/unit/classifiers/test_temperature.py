import numpy as np
import pytest

from sixgig.classifiers.temperature import fit_temperature, held_out_temperature, scores


@pytest.mark.parametrize("temperature", [0.05, 1.0, 8.0])
def test_recovers_the_temperature_that_labels_were_drawn_with(temperature):
    generator = np.random.default_rng(0)
    values = generator.normal(size=(4000, 3)) * temperature * 2
    drawn = (scores(values, temperature).cumsum(axis=1) < generator.random((4000, 1))).sum(axis=1)
    assert fit_temperature(values, drawn) == pytest.approx(temperature, rel=0.1)


def test_values_are_decided_without_the_subject_itself():
    classes = np.arange(30) % 3
    seen = []

    def decide(train, held_out):
        assert not set(train) & set(held_out)
        seen.extend(held_out)
        return np.eye(3)[classes[held_out]]

    assert held_out_temperature(decide, classes, 3, 0, 0.5) < 0.5
    assert sorted(seen) == list(range(30))


@pytest.mark.parametrize(("classes", "folds"), [([0, 0, 1], 3), ([0, 0, 1, 1], 0), ([0, 0, 0], 3)])
def test_too_few_subjects_keep_the_fallback(classes, folds):
    assert held_out_temperature(lambda train, held_out: np.zeros((1, 1)), np.array(classes), folds, 0, 0.5) == 0.5
