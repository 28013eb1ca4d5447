"""What the report says about a cohort: where it comes from, its subjects, its splits, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from sixgig.evaluation.classes import positive_class
from sixgig.reporting import contact_sheet, copies, views
from sixgig.reporting.preview import preview
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.said_by_jobs import said
from sixgig.words.titles import cohort_title


@dataclass(frozen=True)
class CohortView:
    """One cohort for the template."""

    name: str
    title: str
    simulated: bool
    failed: str
    note: str
    facts: list[tuple[str, str]]
    leakage_passed: bool | None
    leakage: str
    roles: TableView
    quarantine: TableView
    remarks: TableView
    strips: list[contact_sheet.Strip]
    modalities: list[str]
    dimensions: int
    preview: str | None
    duplicates: TableView
    near_copies: TableView
    near_copies_warning: str


def describe(study: Study, cohort: str) -> CohortView:
    """Collect everything about one cohort.

    Raises:
        TableError: A file of the cohort is missing or damaged.
    """
    info = study.cohort_info(cohort)
    manifest = study.manifest(cohort)
    splits = study.splits(cohort)
    evaluation = splits[splits["role"] == "evaluation"]
    modalities = [str(name) for name in info.get("modalities") or []]
    facts = [
        (tr("Kind"), str(info.get("title") or info.get("adapter") or numbers.MISSING)),
        (tr("Dimensions"), f"{info.get('dimensions', numbers.MISSING)}D"),
        (tr("Subjects"), numbers.count(splits["subject_id"].nunique())),
        (tr("Images"), numbers.count(len(manifest))),
        (tr("Copies"), copies.sentence(info.get("copies") or {})),
        (tr("Cross-validation"), _folds(evaluation)),
        (tr("Splits SHA-256"), study.splits_sha256(cohort)),
    ]
    if not ((splits["role"] == "pretraining") & splits["label"].notna()).any():
        facts.insert(-1, (tr("Pretraining"), tr("no subject with a class is set aside for it")))
    if study.labels_of(cohort) == "image":
        facts[4:4] = _of_images(study, cohort, info)
    if info.get("n_unlabelled") or info.get("n_unmatched"):
        facts.insert(3, (tr("Labels"), _labels(info)))
    if modalities:
        facts.insert(2, (tr("Modalities"), ", ".join(modalities)))
    planes = dict(info.get("planes") or {})
    if set(planes) - {"axial"}:
        counted = ", ".join(f"{tr(name)}: {numbers.count(number)}" for name, number in planes.items())
        facts.insert(4, (tr("Planes of the slices"), counted))
    passed, leakage = leakage_sentence(study.leakage(cohort))
    return CohortView(
        name=cohort,
        title=cohort_title(cohort),
        simulated=bool(info.get("simulated")),
        failed=said(study.failed_cohort(cohort)),
        note=said(str(info.get("subject_note") or "")),
        facts=facts,
        leakage_passed=passed,
        leakage=leakage,
        roles=_roles(cohort, splits),
        quarantine=_quarantine(study, cohort),
        remarks=_remarks(study, cohort),
        strips=contact_sheet.strips(manifest, study.images(cohort)),
        modalities=modalities,
        dimensions=int(info.get("dimensions") or 2),
        preview=preview(manifest, info, study.images(cohort), study.volumes(cohort)),
        duplicates=_duplicates(cohort, study.leakage(cohort)),
        near_copies=copies.across(cohort, study.leakage(cohort)),
        near_copies_warning=copies.warning(near) if (near := study.leakage(cohort).get("near_copies_across")) else "",
    )


def _labels(info: dict[str, Any]) -> str:
    """Say how many subjects have a class, and how many ids of a table of labels have no subject."""
    without, unmatched = int(info.get("n_unlabelled") or 0), int(info.get("n_unmatched") or 0)
    return tr(
        "{labelled} subjects with a class, {unlabelled} without; {unmatched} of the table are not in the cohort",
        labelled=numbers.count(int(info.get("n_subjects") or 0) - without),
        unlabelled=numbers.count(without),
        unmatched=numbers.count(unmatched),
    )


def _of_images(study: Study, cohort: str, info: dict[str, Any]) -> list[tuple[str, str]]:
    """Say what is counted where each image has a class of its own, and how many images there are of each."""
    classes = {str(name): int(number) for name, number in (info.get("classes") or {}).items()}
    if info.get("n_unlabelled_images"):
        classes[tr("no label")] = int(info["n_unlabelled_images"])
    kept = tr("Each image has a class of its own; the images of a subject stay in one role and one fold.")
    if study.metrics_of(cohort) == "image":
        counted = tr(
            "Metrics count images. Images of one subject are alike, so intervals draw subjects with all their images."
        )
    elif study.n_classes(cohort) == 2:
        counted = tr(
            "Metrics count subjects: one is {positive}, or is predicted to be, when any of its images is, and its "
            "score is the highest of its images.",
            positive=positive_class(tuple(info.get("classes") or ()), study.positive(cohort)),
        )
    else:
        counted = tr("Metrics count subjects, whose images are all of one class; scores are means over the images.")
    return [
        (tr("Images by class"), ", ".join(f"{name}: {numbers.count(number)}" for name, number in classes.items())),
        (tr("Counted"), f"{kept} {counted}"),
    ]


def leakage_sentence(gate: dict[str, Any]) -> tuple[bool | None, str]:
    """Say what the leakage gate found.

    Args:
        gate: ``leakage.json``: ``passed``, and counts or lists of what was looked at.

    Returns:
        Whether it passed (None when the file does not say), and a sentence.
    """
    result = gate.get("passed")
    looked_at = [
        f"{tr(str(name).removeprefix('n_').replace('_', ' '))}: {_plain(value)}"
        for name, value in gate.items()
        if name not in ("passed", "cohort", "cost")
    ]
    near = gate.get("near_copies_across")
    words = {
        True: tr("Leakage gate passed"),
        False: copies.warning(near) if near else tr("Leakage gate FAILED"),
        None: tr("Leakage gate: result not stated"),
    }
    passed = None if result is None else bool(result)
    return passed, words[passed] + (f" ({'; '.join(looked_at)})." if looked_at else ".")


def _plain(value: Any) -> str:
    if isinstance(value, list | dict):
        return numbers.count(len(value))
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    return numbers.count(value) if isinstance(value, int) else str(value)


def _folds(evaluation: pd.DataFrame) -> str:
    folds, repeats = evaluation["fold"].nunique(), evaluation["repeat"].nunique()
    return f"{numbers.plural(int(folds), 'fold')}, {numbers.plural(int(repeats), 'repeat')}"


def _roles(cohort: str, splits: pd.DataFrame) -> TableView:
    shown = [role for role in ("evaluation", "pretraining", "test") if role != "test" or role in set(splits["role"])]
    table = TableView(
        f"roles-{cohort}",
        tr("{cohort}: subjects by class and role.", cohort=cohort_title(cohort)),
        [tr("Class"), *(tr(role.capitalize()) for role in shown)],
        sortable=False,
    )
    subjects = splits.drop_duplicates("subject_id")
    labels = subjects["label"].fillna("no label")
    for label in sorted(labels.unique(), key=lambda name: (name == "no label", str(name))):
        roles = subjects[labels == label]["role"]
        counts = [int((roles == role).sum()) for role in shown]
        table.rows.append(
            [
                Cell(tr("no label") if label == "no label" else str(label)),
                *(views.number(count, numbers.count) for count in counts),
            ]
        )
    return table


def _duplicates(cohort: str, gate: dict[str, Any]) -> TableView:
    """Identical images of different subjects that are always on one side of the splits: harmless, but worth a look."""
    table = TableView(
        f"duplicates-{cohort}",
        tr(
            "{cohort}: identical images of different subjects, always in one role and one fold.",
            cohort=cohort_title(cohort),
        ),
        [tr("Images")],
        sortable=False,
    )
    for group in gate.get("duplicates_within_fold") or []:
        table.rows.append([Cell(" = ".join(map(str, group)))])
    return table


def _quarantine(study: Study, cohort: str) -> TableView:
    table = TableView(
        f"quarantine-{cohort}",
        tr("{cohort}: inputs left out.", cohort=cohort_title(cohort)),
        [tr("File"), tr("Subject"), tr("Reason")],
        sortable=False,
    )
    for _, row in study.quarantine(cohort).iterrows():
        named = [views.text(row[name]) for name in ("file", "subject_id")]
        table.rows.append([*named, Cell(said(str(row["reason"])))])
    return table


def _remarks(study: Study, cohort: str) -> TableView:
    """Sum up the remarks: one row for each thing that was said, with the first file that it was said of."""
    table = TableView(
        f"remarks-{cohort}",
        tr(
            "{cohort}: what is to be known of the inputs; the whole list is in remarks.csv.",
            cohort=cohort_title(cohort),
        ),
        [tr("About"), tr("Files"), tr("First file"), tr("Remark")],
        sortable=False,
    )
    for key, rows in study.remarks(cohort).groupby(["kind", "remark"], sort=False):
        kind, remark = map(str, cast(tuple[str, str], key))
        number = Cell(numbers.count(len(rows)), float(len(rows)), numeric=True)
        table.rows.append([Cell(tr(kind)), number, views.text(rows["file"].iloc[0]), Cell(said(remark))])
    return table
