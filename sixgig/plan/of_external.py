"""What the workflow asks about cohorts that another cohort's methods are tested on."""

from __future__ import annotations

from typing import Any

from sixgig.classifiers.registry import alone
from sixgig.plan.config import methods_of
from sixgig.plan.of_arms import ArmLookups


class ExternalLookups(ArmLookups):
    """The cohorts under ``evaluate_on``: every seed of an arm is tested there."""

    @property
    def external_keys(self) -> list[tuple[str, str]]:
        """Pairs of a cohort and one that its methods are tested on."""
        return [(name, other) for name in self.cohorts for other in self.config["cohorts"][name].get("evaluate_on", ())]

    @property
    def external_trained(self) -> list[str]:
        """The trained arms, which encode another cohort with what they learned on their own."""
        return [arm for arm in self.runs if arm in self.pretrained_arms] if self.external_keys else []

    @property
    def external_coded(self) -> list[str]:
        """The arms that compute features from those of another arm."""
        return [arm for arm in self.runs if arm in self.feature_arms] if self.external_keys else []

    @property
    def external_arm_keys(self) -> list[tuple[str, str, str]]:
        """Cohort, arm and external cohort of all features that are computed for these tests alone."""
        arms = [arm for arm in self.runs if arm in (*self.external_trained, *self.external_coded)]
        return [(cohort, arm, other) for cohort, other in self.external_keys for arm in arms]

    @property
    def external_method_keys(self) -> list[tuple[str, str, str, str]]:
        """Cohort, external cohort, arm and classifier of every test."""
        return [
            (*key, run, name)
            for key in self.external_keys
            for arm, name in methods_of(self.config)
            for run in self.runs_of(arm) or [arm]
        ]

    def external_check(self, cohort: str) -> list[str]:
        """Return the files of a cohort by which two are compared."""
        names = ("manifest.csv", "images.npy", "splits.csv", "leakage.json")
        return [f"results/{self.study}/cohorts/{cohort}/{name}" for name in names]

    def external_gates(self) -> list[str]:
        """Return the files that say whether two cohorts may be tested on each other."""
        return [f"results/{self.study}/cohorts/{own}/external.{other}.json" for own, other in self.external_keys]

    def external_stem(self, cohort: str, arm: str, other: str) -> str:
        """Return the files of the features with which an arm of a cohort sees another one, without their suffix."""
        own = arm in (*self.external_trained, *self.external_coded)
        return f"results/{self.study}/features/" + (f"{cohort}/{arm}.on.{other}" if own else f"{other}/{arm}")

    def external_sides(self, cohort: str, arm: str, other: str, suffix: str) -> list[str]:
        """Return an arm's features of a cohort and of another one; none for a control that sees none."""
        if arm not in self.runs:
            return []
        return [
            f"results/{self.study}/features/{cohort}/{arm}.{suffix}",
            f"{self.external_stem(cohort, arm, other)}.{suffix}",
        ]

    def external_source(self, cohort: str, arm: str, other: str) -> str:
        """Return the image features of another cohort from which an arm computes its own."""
        return f"{self.external_stem(cohort, self.source_arm(arm), other)}.images.npy"

    def external_features(self, suffix: str) -> list[str]:
        """Return what is computed for these tests alone, under a suffix; see :attr:`external_arm_keys`."""
        return [f"{self.external_stem(cohort, arm, other)}.{suffix}" for cohort, arm, other in self.external_arm_keys]

    def external_predictions(self, suffix: str) -> list[str]:
        """Return the predictions of :attr:`external_method_keys`, or what is written down about them."""
        root = f"results/{self.study}/predictions"
        return [f"{root}/{own}/{arm}.{name}.on.{other}.{suffix}" for own, other, arm, name in self.external_method_keys]

    def external_options(self, classifier: str) -> dict[str, Any]:
        """Return a classifier's stanza; a control that sees no features has none."""
        return {} if alone(classifier) else dict(self.config["classifiers"][classifier])

    def external_folds(self, classifier: str) -> int:
        """Return the folds of a classifier's search."""
        return 2 if alone(classifier) else int(self.config["evaluation"]["inner_folds"])
