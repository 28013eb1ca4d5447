"""What the workflow asks about the cohorts of a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts.registry import load_adapter
from sixgig.plan.inputs import CohortInput
from sixgig.runtime.paths import user_path
from sixgig.tables.levels import labels_of, metrics_of
from sixgig.tables.use import CLINICAL_KEYS, clinical_use

#: Keys of a cohort's stanza that its preparation does not need.
_LATER = ("shards", "metrics_of", "evaluate_on", "groups", "group_by", "pretraining_groups", *CLINICAL_KEYS)


class CohortLookups:
    """The cohorts of a study: their stanzas, and the files that stand for them.

    Args:
        config: The complete study file.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config: dict[str, Any] = dict(config)
        self.study: str = self.config["study"]
        self.cohorts: list[str] = list(self.config["cohorts"])
        #: The files of every cohort, by its name.
        self.inputs = {
            name: CohortInput(
                name, stanza, Path(f"results/{self.study}/cohorts/{name}"), Path(self.inventory_file(name)),
                named=not self.key_table(name),
            )
            for name, stanza in self.config["cohorts"].items()
        }  # fmt: skip

    @property
    def seed(self) -> int:
        """The study's seed."""
        return int(self.config["seed"])

    def cohort_options(self, cohort: str) -> dict[str, Any]:
        """Return a cohort's stanza."""
        return dict(self.config["cohorts"][cohort])

    def training_options(self, cohort: str) -> dict[str, Any]:
        """Return the part of a cohort's stanza that training depends on."""
        return {name: self.config["cohorts"][cohort][name] for name in ("partitions",)}

    def preparation_options(self, cohort: str) -> dict[str, Any]:
        """Return the part of a cohort's stanza that its preparation is told."""
        return {name: value for name, value in self.cohort_options(cohort).items() if name not in _LATER}

    def labels_of(self, cohort: str) -> str:
        """Return what has a class on a cohort: subject or image."""
        return labels_of(self.config["cohorts"][cohort])

    @property
    def metrics_of(self) -> dict[str, str]:
        """What metrics count on every cohort: subject or image."""
        return {name: metrics_of(cohort) for name, cohort in self.config["cohorts"].items()}

    def image_labels(self, cohort: str) -> list[str]:
        """Return the file with the class of each image, where images have classes of their own; else none."""
        manifest = f"results/{self.study}/cohorts/{cohort}/manifest.csv"
        return [manifest] if self.labels_of(cohort) == "image" else []

    @property
    def positives(self) -> dict[str, str | None]:
        """The positive class of every cohort, None for the default."""
        return {name: cohort.get("positive") for name, cohort in self.config["cohorts"].items()}

    @property
    def clinical_uses(self) -> dict[str, dict[str, Any]]:
        """How the methods of every cohort are to be used; see :class:`sixgig.statistics.clinical.ClinicalUse`."""
        return {name: clinical_use(cohort) for name, cohort in self.config["cohorts"].items()}

    def splits_file(self, cohort: str) -> list[str]:
        """Return the splits that the user gives for a cohort; none when they are drawn."""
        given = self.config["cohorts"][cohort].get("splits_file")
        return [str(user_path(given))] if given else []

    @property
    def grouped_cohorts(self) -> list[str]:
        """Cohorts whose subjects have groups, such as site and sex."""
        return [name for name in self.cohorts if self.config["cohorts"][name].get("groups")]

    @property
    def site_cohorts(self) -> list[str]:
        """Cohorts whose test folds are whole groups, such as sites."""
        return [name for name in self.cohorts if self.config["cohorts"][name].get("group_by")]

    def group_table(self, cohort: str) -> list[str]:
        """Return the user's table of a cohort's groups; none where the cohort itself says what they are."""
        given = self.config["cohorts"][cohort]["groups"].get("table")
        return [str(user_path(given))] if given else []

    def group_state(self, cohort: str) -> str:
        """Return what changes when a file changes from which a cohort itself says its groups."""
        return "" if self.group_table(cohort) or self.draws_groups(cohort) else self.inputs[cohort].state

    def site_splits(self) -> list[str]:
        """Return the splits of :attr:`site_cohorts`, whose folds are not equal."""
        return [f"results/{self.study}/cohorts/{cohort}/splits.csv" for cohort in self.site_cohorts]

    def group_files(self) -> list[str]:
        """Return the groups of :attr:`grouped_cohorts`."""
        return [f"results/{self.study}/cohorts/{cohort}/groups.csv" for cohort in self.grouped_cohorts]

    @property
    def group_minima(self) -> dict[str, int]:
        """Subjects of each class that a value of a group needs, of :attr:`grouped_cohorts`."""
        return {name: int(self.config["cohorts"][name]["groups"]["minimum"]) for name in self.grouped_cohorts}

    def group_options(self, cohort: str) -> dict[str, Any]:
        """Return the part of a cohort's stanza that its groups depend on."""
        stanza = self.cohort_options(cohort)
        groups = {key: value for key, value in stanza["groups"].items() if key != "minimum"}
        others = ("title", "positive", "limit", "duplicates", "official_splits", *_LATER)
        return {key: value for key, value in stanza.items() if key not in others} | {"groups": groups}

    def group_by(self, cohort: str) -> str:
        """Return what is tested as a whole on a cohort, such as site; empty where subjects are dealt."""
        return str(self.config["cohorts"][cohort].get("group_by") or "")

    def pretraining_groups(self, cohort: str) -> list[str]:
        """Return the sites whose subjects arms learn from; none where they are drawn from all."""
        return list(self.config["cohorts"][cohort].get("pretraining_groups") or [])

    def group_file(self, cohort: str) -> list[str]:
        """Return the groups that a cohort's folds are made of; none where folds are drawn."""
        own = self.config["cohorts"][cohort].get("group_by")
        return [f"results/{self.study}/cohorts/{cohort}/groups.csv"] if own else []

    def changes(self) -> list[str]:
        """Say which cohorts have changed since they were prepared, and how."""
        return [
            f"cohort {name} has changed: {'; '.join(said)}"
            for name in self.cohorts
            if (said := self.inputs[name].changes())
        ]

    def key_table(self, cohort: str) -> str:
        """Return the table that says which pseudonym stands for whom; empty for a cohort without pseudonyms."""
        stanza = self.config["cohorts"][cohort]
        asked = stanza.get("pseudonyms")
        hidden = load_adapter(stanza["adapter"]).pseudonyms if asked is None else asked
        return f"results/pseudonyms/{self.study}.{cohort}.csv" if hidden else ""

    def inventory_file(self, cohort: str) -> str:
        """Return the file that keeps what a cohort was prepared from; it names patients, and lies where they may be."""
        table = self.key_table(cohort)
        if table:
            return str(Path(table).with_suffix(".inventory.json"))
        return f"results/{self.study}/cohorts/{cohort}/inventory.json"

    def simulated(self, cohort: str) -> bool:
        """Whether sixgig made the images of a cohort, for this study or earlier."""
        return self.inputs[cohort].simulated

    def draws_groups(self, cohort: str) -> bool:
        """Whether a cohort's subjects are made for this study, so that groups of theirs are drawn, too."""
        return "phantom" in self.config["cohorts"][cohort]["source"]

    def adapter_module(self, cohort: str) -> str:
        """Return the module of the adapter that reads a cohort."""
        return load_adapter(self.config["cohorts"][cohort]["adapter"]).__module__

    def shards(self, cohort: str) -> int:
        """Return how many jobs prepare a cohort, and encode it with each network, side by side."""
        return int(self.config["cohorts"][cohort].get("shards") or 1)

    @property
    def sharded_cohorts(self) -> list[str]:
        """Cohorts that several jobs prepare and encode."""
        return [name for name in self.cohorts if self.shards(name) > 1]

    def shard_files(self, cohort: str, kind: str, arm: str = "") -> list[str]:
        """Return what the shards of a cohort leave for the job that gathers them; nothing without shards.

        They lie with the checkpoints, because they are no results, and those of preparation name subjects.

        Args:
            cohort: The cohort.
            kind: End of the name: ``jsonl``, ``images.npy``, ``volumes.npy``, ``json`` or ``npy``.
            arm: The arm that encodes; empty for preparation.
        """
        folder = f"results/{self.study}/.checkpoints/shards/{cohort}"
        numbers = range(1, self.shards(cohort) + 1) if cohort in self.sharded_cohorts else ()
        return [f"{folder}/{arm or 'prepared'}.{number}.{kind}" for number in numbers]

    def cohort_files(self, name: str) -> list[str]:
        """Return the file of this name of every cohort."""
        return [f"results/{self.study}/cohorts/{cohort}/{name}" for cohort in self.cohorts]
