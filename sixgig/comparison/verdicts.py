"""The verdicts of two studies side by side: each is what its own report says."""

from __future__ import annotations

from dataclasses import dataclass

from sixgig.reporting.verdict import Verdict, judge
from sixgig.results.study import Study
from sixgig.words.language import speaking
from sixgig.words.showing import showing


@dataclass(frozen=True)
class Verdicts:
    """What two studies show of one cohort.

    Attributes:
        a: The verdict of the first study, in English.
        b: That of the second one.
    """

    a: Verdict
    b: Verdict

    @property
    def differ(self) -> bool:
        """Whether they differ in level or reason, in the arms that they would use, or in what stands against these."""
        one, other = self.a.decision, self.b.decision
        parts = ("level", "reason", "chosen", "beaten", "equal", "floors")
        return any(getattr(one, name) != getattr(other, name) for name in parts)


def verdicts_of(a: Study, b: Study, cohort: str) -> Verdicts:
    """Judge a cohort of two studies, each with its own tables and titles."""
    found = []
    for study in (a, b):
        with showing(study), speaking("en"):
            found.append(judge(study, cohort))
    return Verdicts(*found)
