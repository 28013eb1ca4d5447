"""What the report says about arms that were trained: with what, for how long, and whether they learned something."""

from __future__ import annotations

from typing import Any

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Study
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.said_by_jobs import said
from sixgig.words.titles import cohort_title

#: What is measured on evaluation subjects before and after training, in words.
MEASURES = {
    "partition": "partition of a slice, by its nearest neighbour among other subjects",
    "view": "second view of an image, by its nearest neighbour",
}


def training(study: Study) -> TableView:
    """One row per cohort and trained arm; no row when the study has no such arm."""
    table = TableView(
        "training-table",
        tr(
            "How the arms that learn were trained, on pretraining subjects. Held-out loss: on batches of subjects that "
            "were not trained on, unless the row says otherwise. Recognised: share of evaluation images whose "
            "features show what the last column names."
        ),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Trained with"),
            tr("Steps"),
            tr("Time"),
            tr("Held-out loss"),
            tr("Recognised"),
            tr("Chance"),
            tr("What is recognised"),
        ],
    )
    for cohort in study.cohorts:
        for arm in study.training.runs(cohort):
            facts = study.training.facts(cohort, arm)
            if str(facts.get("status", "")).startswith("failed"):
                table.rows.append(
                    [views.cohort(cohort), views.run(arm), Cell(tr("failed"), strong=True), *[views.text(None)] * 6]
                )
                continue
            evidence = facts.get("evidence") or {}
            measure = str(evidence.get("measure"))
            table.rows.append(
                [
                    views.cohort(cohort),
                    views.run(arm),
                    Cell(_with(facts)),
                    Cell(_steps(facts), float(facts.get("steps") or 0), numeric=True),
                    views.number((facts.get("cost") or {}).get("seconds"), numbers.seconds),
                    Cell(_before_after(facts.get("heldout_loss") or {}) + _on(facts), numeric=True),
                    Cell(_before_after(evidence) if evidence else numbers.MISSING, numeric=True),
                    views.number(evidence.get("chance"), numbers.score),
                    Cell(tr(MEASURES.get(measure, measure)) if evidence else numbers.MISSING),
                ]
            )
    return table


def reconstruction(study: Study) -> TableView:
    """Reconstruction error next to baselines that learn nothing, for arms that fill in masked patches; else no row."""
    table = TableView(
        "reconstruction-table",
        tr(
            "Mean absolute error over the masked voxels of evaluation subjects (voxels are in 0 to 1; lower is "
            "better). Two columns need no learning: the mean of the visible voxels, and a copy of the nearest visible "
            "patch."
        ),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Mode"),
            tr("Before training"),
            tr("After training"),
            tr("Mean of visible"),
            tr("Nearest visible patch"),
        ],
    )
    for cohort in study.cohorts:
        for arm in study.training.arms(cohort):
            facts = study.training.facts(cohort, arm)
            found = facts.get("reconstruction") or {}
            if not found:
                continue
            before, after = found["before"], found["after"]
            values = (before["network"], *(after[n] for n in ("network", "mean_of_visible", "nearest_visible_patch")))
            mode = ", ".join(said(str(facts.get(name))) for name in ("mode", "loss", "init"))
            mode += tr(", as published: z-scores") if facts.get("reference") else ""
            cells = [views.number(value, numbers.score, strong=place == 1) for place, value in enumerate(values)]
            table.rows.append([views.cohort(cohort), views.arm(arm), Cell(mode), *cells])
    return table


def notes(study: Study) -> list[str]:
    """Notes of the trainings besides their numbers, such as that the cohort needed another loss."""
    return [
        f"{cohort_title(cohort)}, {views.run(arm).text}: {said(str(note).removeprefix(f'{cohort}: '))}"
        for cohort in study.cohorts
        for arm in study.training.runs(cohort)
        for note in study.training.facts(cohort, arm).get("notes") or []
    ]


def _with(facts: dict[str, Any]) -> str:
    loss = {"g_d": "G^D", "g_d_minus": "G^D-", "g_r": "G^R", "mae": "MAE", "simmim": "SimMIM"}.get(
        str(facts.get("loss")), facts.get("loss")
    )
    parts = (facts.get("framework"), facts.get("device"), facts.get("dtype"), loss and tr("loss {name}", name=loss))
    return ", ".join(str(part) for part in parts if part) or numbers.MISSING


def _steps(facts: dict[str, Any]) -> str:
    return numbers.count(facts.get("steps")) + (tr(" (stopped early)") if facts.get("stopped_early") else "")


def _before_after(values: dict[str, Any]) -> str:
    return tr(
        "{before} to {after}", before=numbers.score(values.get("before")), after=numbers.score(values.get("after"))
    )


def _on(facts: dict[str, Any]) -> str:
    subjects = (facts.get("heldout_loss") or {}).get("subjects")
    return tr(" (pretraining subjects)") if subjects == "pretraining" else ""
