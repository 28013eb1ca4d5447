"""What jobs ask a batch system for: memory and run time, from the forecast, and more at every attempt.

On one machine a job's memory says how many others may run beside it. A batch system kills the job that takes more, and
counts the two processes of Snakemake that start it on the node too.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sixgig.forecast.base import JobCost, JobKey

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

#: Resident memory of the two processes of Snakemake that start a job on a node, in MiB (docs/cluster.md says how
#: this was measured).
SNAKEMAKE_MB = 500
#: More than is foreseen: nodes differ, and a job that is killed has to start again.
MEMORY_MARGIN, TIME_MARGIN = 1.25, 3.0
#: Minutes that any job asks for at least: Python and Snakemake start three times, from a shared file system.
LEAST_MINUTES = 15
#: Minutes of a job of which nothing is foreseen.
UNKNOWN_MINUTES = 60
#: Environment variable with the name of the nodes' card, where this machine has none or another one.
NODE_CARD = "SIXGIG_NODE_CARD"
#: Wildcards in the order of the names of logs.
_ORDER = ("weights", "environment", "cohort", "arm", "classifier")


def forecast_costs(plan: Plan) -> Mapping[JobKey, JobCost]:
    """Return what jobs take on a machine like this one, or on one with the card that :data:`NODE_CARD` names."""
    from sixgig.forecast.cards import machine_with_card
    from sixgig.forecast.machine import this_machine
    from sixgig.forecast.study import forecast_study

    card = os.environ.get(NODE_CARD, "")
    return forecast_study(plan, machine_with_card(card) if card else this_machine())


class Asking:
    """Memory and run time that the jobs of a study ask for.

    Args:
        plan: The study.
        elsewhere: Whether jobs run on other machines, and this process hands them out. Otherwise nothing is foreseen,
            which takes some seconds: a job asks for what its rule says.
        foresee: Returns the costs of jobs.
    """

    def __init__(
        self,
        plan: Plan,
        elsewhere: bool,
        foresee: Callable[[Plan], Mapping[JobKey, JobCost]] = forecast_costs,
    ) -> None:
        self._plan, self._elsewhere, self._foresee = plan, elsewhere, foresee

    @property
    def cards(self) -> int:
        """Cards that a job of a network asks for. On one machine they keep such jobs apart on the processor too."""
        return 0 if self._elsewhere and self._plan.config["device"] == "cpu" else 1

    def memory_mb(self, least_mb: int, rule: str, wildcards: Mapping[str, Any], attempt: int) -> int:
        """Return the memory that a job asks for, in MB.

        Args:
            least_mb: What its rule says.
            rule: Name of the rule.
            wildcards: The job's wildcards.
            attempt: The how manieth try it is: each asks for as much more as the first one did.
        """
        if not self._elsewhere:
            return least_mb * attempt
        cost = self._cost(rule, wildcards)
        foreseen = 0.0 if cost is None else cost.rss_mb * MEMORY_MARGIN
        return (math.ceil(max(least_mb, foreseen)) + SNAKEMAKE_MB) * attempt

    def minutes(self, rule: str, wildcards: Mapping[str, Any], attempt: int) -> int:
        """Return the run time that a job asks for, in minutes; a job that was cut off goes on from its checkpoint."""
        cost = self._cost(rule, wildcards) if self._elsewhere else None
        if cost is None:
            return UNKNOWN_MINUTES * attempt
        return max(LEAST_MINUTES, math.ceil(cost.seconds * TIME_MARGIN / 60)) * attempt

    def _cost(self, rule: str, wildcards: Mapping[str, Any]) -> JobCost | None:
        return self._costs.get(JobKey(rule, job_name(wildcards)))

    @cached_property
    def _costs(self) -> Mapping[JobKey, JobCost]:
        try:
            return self._foresee(self._plan)
        except Exception as error:  # without a forecast the study runs all the same, with what its rules say
            reason = f"{type(error).__name__}: {error}"
            print(
                f"[sixgig] no forecast of memory and times ({reason}): jobs ask for what their rules say",
                file=sys.stderr,
            )
            return {}


def job_name(wildcards: Mapping[str, Any]) -> str:
    """Return a job's wildcards without the study, as in the name of its log: ``acdc.vit_mim``."""
    rest = [name for name in wildcards if name not in ("study", "other", *_ORDER)]
    of = [str(wildcards[name]) for name in (*_ORDER, *rest) if name in wildcards]
    on = ["on", str(wildcards["other"])] if "other" in wildcards else []
    return ".".join([*of, *on])
