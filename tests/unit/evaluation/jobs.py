"""Jobs of classifiers, as rules make them, for tests."""

from pathlib import Path
from typing import Any

from sixgig.evaluation.job import ClassifyJob


def job_of(splits: Path, classifier: str, options: Any, predictions: Path, **changes: Any) -> ClassifyJob:
    """Return a job with two inner folds, seed 1 and one thread, unless told otherwise."""
    known: dict[str, Any] = {"inner_folds": 2, "seed": 1, "threads": 1, **changes}
    return ClassifyJob(splits=splits, classifier=classifier, options=options, predictions=predictions, **known)
