"""What can be found wrong before a job runs: the card, weights, and the cohorts that are there already."""

from __future__ import annotations

from sixgig.plan.plan import Plan
from sixgig.plan.study_file import Study


def check_early(plan: Plan, study: Study, jobs_here: bool) -> None:
    """Look at what the jobs will need."""
