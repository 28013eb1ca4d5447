"""Every table format of a study, for the documentation and the tests."""

from __future__ import annotations

from sixgig.tables.budget import BUDGET
from sixgig.tables.cohorts import MANIFEST, QUARANTINE, SPLITS
from sixgig.tables.costs import COSTS
from sixgig.tables.over_cohorts import FACTORS, OMNIBUS, RANKS
from sixgig.tables.pairs import BAYESIAN, DELONG, MCNEMAR, PAIRWISE
from sixgig.tables.predictions import PREDICTIONS
from sixgig.tables.scores import METRICS, SUMMARY
from sixgig.tables.training import TRAINING

#: Every table format, for the documentation in results/README.md and the tests.
ALL_TABLES = (
    MANIFEST,
    SPLITS,
    QUARANTINE,
    PREDICTIONS,
    METRICS,
    SUMMARY,
    COSTS,
    TRAINING,
    PAIRWISE,
    BAYESIAN,
    MCNEMAR,
    DELONG,
    OMNIBUS,
    RANKS,
    FACTORS,
    BUDGET,
)
