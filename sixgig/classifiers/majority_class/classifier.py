"""The control that looks at no feature: it always predicts the most frequent class of the training fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from sixgig.classifiers.registry import Grid


def build(options: Mapping[str, Any], seed: int) -> tuple[Pipeline, Grid]:
    """Return the control and an empty grid; its class scores are the class shares of the training fold."""
    return Pipeline([("classifier", DummyClassifier(strategy="prior", random_state=seed))]), []
