"""Folds of whole sites (or scanners, or hospitals): each site is tested once, by what was trained on the others.

Subjects that arms learn from are drawn from every site, unless sites are named for that. In the first case arms that
learn have seen images of the site that they are tested on, without labels: the estimate is then of a new site of which
unlabelled images are at hand. In the second they have not.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sixgig.cohorts.checks import require_two
from sixgig.errors import CohortError, LeakageError
from sixgig.evaluation.splits import subject_labels
from sixgig.tables.classes import single_classes
from sixgig.tables.cohorts import SITE, SPLITS
from sixgig.tables.groups import SUBJECT_GROUPS
from sixgig.tables.roles import EVALUATION, PRETRAINING, check_scope

#: Sites without which leaving one out says nothing of sites.
MIN_SITES = 3
#: Subjects of every class that a training set needs: the inner search needs one on either side.
_TRAINED = 2
_SHOWN = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GroupBy:
    """What is tested as a whole.

    Attributes:
        name: The column, such as ``site``.
        values: Subject -> its value; subjects without one are not in it.
        learned: Values whose subjects arms learn from; none when these are drawn from all.
    """

    name: str
    values: Mapping[str, str]
    learned: tuple[str, ...] = ()

    @staticmethod
    def read(groups: Path | None, name: str, learned: Collection[str] = ()) -> GroupBy | None:
        """Read a cohort's groups.csv; None without one."""
        if groups is None:
            return None
        rows = SUBJECT_GROUPS.read(groups)
        rows = rows[(rows["group"] == name) & rows["value"].notna()]
        return GroupBy(name, dict(zip(rows["subject_id"], rows["value"], strict=True)), tuple(learned))


def make_site_splits(
    manifest: pd.DataFrame,
    group_by: GroupBy,
    *,
    pretraining_fraction: float,
    scope: str,
    seed: int,
    labels_of: str = "subject",
) -> pd.DataFrame:
    """Draw roles, and make each site a fold of the only repeat; sites are in order of name.

    Unlabelled subjects are always pretraining. Without named sites to learn from, a seeded fraction of every class of
    every site is pretraining, but never all of it.

    Args:
        manifest: Rows of manifest.csv.
        group_by: The sites.
        pretraining_fraction: Fraction of each class of a site that is pretraining, from 0 to below 1.
        scope: ``inductive`` or ``transductive``.
        seed: Seed of the draw.
        labels_of: What has a class, ``subject`` or ``image``.

    Returns:
        Rows of splits.csv, with the column ``group``.

    Raises:
        CohortError: A labelled subject has no site, a site to learn from does not exist, fewer than three sites or two
            classes are left, or a training set has fewer than two subjects of a class.
    """
    check_scope(scope)
    labels = subject_labels(manifest, labels_of)
    site_of = {name: group_by.values[name] for name in labels if name in group_by.values}
    _check_values(labels, site_of, group_by)
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, label in labels.items():
        if label is not None and site_of[name] not in group_by.learned:
            members[site_of[name], label].append(name)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    evaluation: list[str] = []
    for _, own in sorted(members.items()):
        number = 0 if group_by.learned else min(int(pretraining_fraction * len(own) + 0.5), len(own) - 1)
        order = [own[index] for index in rng.permutation(len(own))]
        evaluation += order[number:]
    fold_of = {site: fold for fold, site in enumerate(sorted({site_of[name] for name in evaluation}))}
    _check_sites(group_by, fold_of)
    _check_classes({name: str(labels[name]) for name in evaluation}, site_of, labels_of, group_by.name)
    if labels.keys() - set(evaluation) and not group_by.learned:
        _log.warning(
            "arms that learn see images of every %s, without labels; name some under pretraining_groups to keep the "
            "others unseen", group_by.name,
        )  # fmt: skip
    _log.info("leave-one-%s-out: %d folds, one repeat, whatever evaluation says", group_by.name, len(fold_of))
    tested = set(evaluation)
    rows: list[tuple[str, str | None, str, int | None, int | None, str | None]] = [
        (name, labels[name], PRETRAINING, None, None, site_of.get(name)) for name in sorted(labels.keys() - tested)
    ]
    rows += [(name, labels[name], EVALUATION, 0, fold_of[site_of[name]], site_of[name]) for name in sorted(tested)]
    return SPLITS.check(pd.DataFrame(rows, columns=[*SPLITS.column_names, SITE]), "splits")


def check_sites(splits: pd.DataFrame, sites: Mapping[str, str]) -> dict[str, int]:
    """Check that every evaluated site is in one fold alone.

    Args:
        splits: Rows of splits.csv.
        sites: Subject -> site.

    Returns:
        ``n_sites`` that are tested, and ``n_sites_learned_from``: those of them that have pretraining subjects.

    Raises:
        LeakageError: A subject has no site; a site is in two folds.
    """
    again = "delete splits.csv and run snakemake again"
    tested = splits[splits["role"] == EVALUATION]
    lost = sorted(set(tested["subject_id"]) - sites.keys())
    if lost:
        raise LeakageError("splits.csv", f"evaluated subjects have no site: {_some(lost)}", again)
    of = tested["subject_id"].map(dict(sites))
    for repeat, rows in tested.assign(of=of).groupby("repeat"):
        folds = rows.groupby("of")["fold"].nunique()
        torn = folds.index[folds > 1].tolist()
        if torn:
            reason = f"the site {torn[0]} is in {folds[torn[0]]} folds of repeat {repeat}, so on both sides of each"
            raise LeakageError("splits.csv", reason, again)
    learned = {sites.get(name) for name in splits.loc[splits["role"] == PRETRAINING, "subject_id"]}
    return {"n_sites": int(of.nunique()), "n_sites_learned_from": len(set(of) & learned)}


def _check_values(labels: Mapping[str, str | None], site_of: Mapping[str, str], group_by: GroupBy) -> None:
    lost = sorted(name for name, label in labels.items() if label is not None and name not in site_of)
    if lost:
        raise CohortError(
            f"{group_by.name} of subjects",
            f"is not known of {len(lost)} subjects with a class, and group_by needs it: {_some(lost)}",
            "fill it in; a word such as `elsewhere` makes them a group of their own",
        )
    unknown = [name for name in group_by.learned if name not in site_of.values()]
    if unknown:
        raise CohortError(
            "pretraining_groups",
            f"names {unknown[0]!r}, and no subject has this {group_by.name}",
            f"use some of {', '.join(sorted(set(site_of.values())))}",
        )


def _check_sites(group_by: GroupBy, fold_of: Mapping[str, int]) -> None:
    if len(fold_of) >= MIN_SITES:
        return
    there = ", ".join(fold_of) or "none"
    step = "leave out group_by; `groups` alone still gives metrics within each"
    raise CohortError(
        f"group_by: {group_by.name}",
        f"leaves {len(fold_of)} to be tested ({there}), and testing each on the others needs {MIN_SITES}",
        f"name fewer under pretraining_groups, or {step}" if group_by.learned else step,
    )


def _check_classes(labels: Mapping[str, str], site_of: Mapping[str, str], labels_of: str, by: str) -> None:
    """Refuse sites without which a class can not be learned, and name those in which a class is not tested."""
    counts: Counter[tuple[str, str]] = Counter()
    for name, label in labels.items():
        for one in single_classes(label) if labels_of == "image" else [label]:
            counts[site_of[name], one] += 1
    classes = sorted({label for _, label in counts})
    require_two(classes)
    for site in sorted({site for site, _ in counts}):
        for label in classes:
            left = sum(number for (other, one), number in counts.items() if one == label and other != site)
            if left < _TRAINED:
                raise CohortError(
                    f"class {label!r}",
                    f"has {left} subjects outside the {by} {site}, and training without that needs {_TRAINED}",
                    f"join {site} with another in the table, add subjects of this class elsewhere, or drop group_by",
                )
        lacking = [label for label in classes if not counts[site, label]]
        if lacking:
            _log.warning(
                "the %s %s has no subject of %s: metrics that need every class are undefined in its fold", by, site,
                ", ".join(lacking),
            )  # fmt: skip


def _some(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
