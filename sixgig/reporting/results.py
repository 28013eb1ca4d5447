"""The report's tables of results: estimates, all metrics, costs, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from sixgig.arms.seeds import seed_name
from sixgig.reporting import views
from sixgig.reporting.own_features import label_leaks
from sixgig.reporting.test_sets import tested_on
from sixgig.reporting.views import Cell, TableView
from sixgig.results.fractions import curves
from sixgig.results.study import Method, Study, is_failed
from sixgig.runtime.versions import ENCODING_PACKAGES
from sixgig.tables.use import HELD_OUT
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.said_by_jobs import said
from sixgig.words.titles import arm_title, classifier_title, cohort_title, metric_title


def _estimate_cell(row: object, strong: bool = False) -> Cell:
    estimate, low, high, status = (row[name] for name in ("estimate", "ci_low", "ci_high", "status"))  # type: ignore[index]
    if numbers.is_missing(estimate):
        return Cell(tr("failed") if is_failed(str(status)) else numbers.MISSING, float("-inf"), numeric=True)
    note = "" if str(status) == "ok" else " *"
    return Cell(numbers.with_interval(estimate, low, high) + note, float(estimate), strong=strong, numeric=True)


def overview(study: Study) -> TableView:
    """The study's metric for every method (rows) on every cohort (columns), the highest of a cohort in bold."""
    by_cohort = {cohort: study.estimates(cohort) for cohort in study.cohorts}
    methods = sorted({method for rows in by_cohort.values() for method in rows}, key=study.order)
    table = TableView(
        "results-table",
        tr(
            "{metric}, mean over test folds, with the {level} interval of the procedure: how it does on new subjects, "
            "trained on such a sample. Bold: highest of the cohort, which by itself does not mean better. *: ran with "
            "a fallback, listed below.",
            metric=metric_title(study.metric),
            level=numbers.level(study.alpha),
        ),
        [tr("Method"), *map(cohort_title, by_cohort)],
    )
    for method in methods:
        cells = [views.method(method)]
        for rows in by_cohort.values():
            if method not in rows:
                cells.append(Cell(tr("not run"), float("-inf"), numeric=True))
                continue
            top = max(
                (float(row["estimate"]) for row in rows.values() if not numbers.is_missing(row["estimate"])),
                default=None,
            )
            estimate = rows[method]["estimate"]
            cells.append(_estimate_cell(rows[method], not numbers.is_missing(estimate) and float(estimate) == top))
        table.rows.append(cells)
    return table


def held_out(study: Study) -> TableView:
    """Every metric of every method on the held-out test sets; no row when no cohort has one."""
    names = [name for name in study.metric_names() if name in set(study.test_summary["metric"])]
    rows = study.test_summary
    external = "tested_on" in rows and bool((rows["tested_on"] != HELD_OUT).any())
    table = TableView(
        "held-out-table",
        tr(
            "Subjects which no arm and no classifier had seen, of official test sets and of other cohorts: each method "
            "was fitted on all evaluation subjects of its cohort and scored once. The {level} interval is about new "
            "subjects for these fitted models; where an arm has several seeds, it holds the spread between them.",
            level=numbers.level(study.alpha),
        )
        if external
        else tr(
            "Official test sets, which no arm and no classifier had seen: each method was fitted on all evaluation "
            "subjects and scored once. The {level} interval is about new subjects for these fitted models; where an "
            "arm has several seeds, it holds the spread between them.",
            level=numbers.level(study.alpha),
        ),
        [tr("Cohort"), tr("Method"), tr("Test subjects"), *(metric_title(name) for name in names)],
    )
    if external:
        table.columns.insert(1, tr("Tested on"))
    places = rows["tested_on"] if external else pd.Series(HELD_OUT, index=rows.index)
    for (cohort, place), own in rows.groupby([rows["cohort"], places], sort=False):
        by_method = {(str(row["arm"]), str(row["classifier"]), row["metric"]): row for _, row in own.iterrows()}
        methods = {Method(arm, classifier) for arm, classifier, _ in by_method}
        for method in sorted(methods, key=study.order):
            found = [by_method.get((*method, name)) for name in names]
            cells = [Cell(numbers.MISSING, numeric=True) if row is None else _estimate_cell(row) for row in found]
            n_subjects = views.number(own["n_subjects"].iloc[0], numbers.count)
            where = [Cell(tested_on(str(place)))] if external else []
            table.rows.append([views.cohort(cohort), *where, views.method(method), n_subjects, *cells])
    return table


def all_metrics(study: Study, cohort: str) -> TableView:
    """Every metric (columns) of every method (rows) of one cohort."""
    rows = study.summary[study.summary["cohort"] == cohort]
    names = [name for name in study.metric_names() if name in set(rows["metric"])]
    table = TableView(
        f"metrics-{cohort}",
        tr(
            "{cohort}: every metric with its {level} interval. *: ran with a fallback.",
            cohort=cohort_title(cohort),
            level=numbers.level(study.alpha),
        ),
        [tr("Method"), *(metric_title(name) for name in names)],
    )
    estimates = {name: study.estimates(cohort, name) for name in names}
    for method in study.methods(cohort):
        table.rows.append([views.method(method), *(_estimate_cell(estimates[name][method]) for name in names)])
    return table


def costs(study: Study) -> TableView:
    """What each stage took."""
    table = TableView(
        "costs-table",
        tr("Wall time, speed and peak memory of every stage."),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Stage"),
            tr("Time"),
            tr("Images per second"),
            tr("Peak GPU memory"),
            tr("Peak host memory"),
            tr("Batch"),
            tr("Device"),
        ],
    )
    for _, row in study.costs.iterrows():
        table.rows.append(
            [
                views.cohort(row["cohort"]),
                _run(row),
                views.text(row["stage"]),
                views.number(row["seconds"], numbers.seconds),
                views.number(row["images_per_second"], numbers.rate),
                views.number(row["peak_vram_mb"], numbers.mebibytes),
                views.number(row["peak_rss_mb"], numbers.mebibytes),
                views.number(row["batch_size"], numbers.count),
                views.text(row["device"]),
            ]
        )
    return table


def _run(row: pd.Series) -> Cell:
    """A cell that names whose cost a row is: an arm's, a run's with one of several seeds, or all arms'."""
    if "seed" not in row or numbers.is_missing(row["seed"]):
        return views.arm(row["arm"])
    return views.run(seed_name(str(row["arm"]), int(row["seed"])))


def arms(study: Study) -> TableView:
    """What computed the features: backbone, weights, device and batch size of every arm on every cohort."""
    table = TableView(
        "arms-table",
        tr("How each arm computed its features. The checksum is the first 12 digits of the weights' SHA-256."),
        [
            tr("Cohort"),
            tr("Arm"),
            tr("Backbone"),
            tr("Weights"),
            tr("Checksum"),
            tr("Features"),
            tr("Device"),
            tr("Precision"),
            tr("Batch asked"),
            tr("Batch used"),
        ],
    )
    for cohort in study.cohorts:
        for name in dict.fromkeys(method.arm for method in study.methods(cohort)):
            sidecar = study.sidecar(cohort, name)
            if sidecar is None:
                continue
            weights = sidecar.get("weights") or {}
            table.rows.append(
                [
                    views.cohort(cohort),
                    views.arm(name),
                    _backbone(sidecar),
                    _weights(weights),
                    views.text((weights.get("sha256") or tr("none"))[:12]),
                    views.number(sidecar.get("n_features"), numbers.count),
                    views.text(sidecar.get("device")),
                    views.text(_precision(sidecar)),
                    views.number(sidecar.get("batch_size_asked"), numbers.count),
                    views.number(sidecar.get("batch_size_used"), numbers.count),
                ]
            )
    return table


def _backbone(sidecar: Mapping[str, Any]) -> Cell:
    """The network, or the arm whose features an arm reads."""
    source = sidecar.get("source_arm")
    return Cell(tr("features of {arm}", arm=arm_title(str(source)))) if source else views.text(sidecar.get("backbone"))


def _weights(weights: Mapping[str, Any]) -> Cell:
    """Their name in the study file; those that were trained here have that of their start."""
    start = ((weights.get("source") or {}).get("pretraining") or {}).get("name")
    return Cell(tr("trained here from {start}", start=start)) if start else views.text(weights.get("name"))


def _precision(sidecar: Mapping[str, Any]) -> Any:
    """Return the computation type, and how far it takes features from float32's where that was measured."""
    found = sidecar.get("rounding")
    if not found:
        return sidecar.get("dtype")
    off = numbers.small(100 * found["relative_error"])
    return tr("{dtype}, {percent}% from float32", dtype=sidecar["dtype"], percent=off)


def other_versions(study: Study, cohort: str, arm: str) -> list[str]:
    """Say with which other versions of packages than the study's an arm was trained and encoded, if it was kept."""
    sidecar = study.sidecar(cohort, arm) or {}
    training = (sidecar.get("weights") or {}).get("pretraining") or {}
    now = study.info.get("versions") or {}
    said = []
    sentences = (tr("trained with {then}; the study has {now}"), tr("encoded with {then}; the study has {now}"))
    for facts, sentence in zip((training, sidecar), sentences, strict=True):
        then = facts.get("versions") or {}
        # PyTorch calls itself 2.10.0+cu128 where its package is 2.10.0.
        names = [name for name in ENCODING_PACKAGES if name in then and name in now]
        differ = [name for name in names if then[name].partition("+")[0] != str(now[name]).partition("+")[0]]
        if differ:
            shown = [", ".join(f"{name} {versions[name]}" for name in differ) for versions in (then, now)]
            said.append(sentence.format(then=shown[0], now=shown[1]))
    return said


def _failed_fractions(study: Study, cohort: str) -> Iterator[tuple[str, str]]:
    """Yield arm and reason of every method that failed with fewer labels, and not with all of them."""
    if not study.has_fractions:
        return
    for method, points in curves(study, cohort).items():
        if points[-1].failed:
            continue  # that is said of the method itself
        for point in (point for point in points if point.failed):
            what = tr(
                "{classifier} with {share} of the labels",
                classifier=classifier_title(method.classifier),
                share=numbers.percent(point.fraction),
            )
            yield method.arm, f"{what}: {point.status.partition(':')[2].strip()}"


def trouble(study: Study) -> TableView:
    """What fell back or failed, and why; no row when nothing did."""
    table = TableView(
        "trouble-table",
        tr("Fallbacks and failures."),
        [tr("Cohort"), tr("Arm"), tr("What happened"), tr("Why")],
        sortable=False,
    )
    for cohort in study.cohorts:
        seen: dict[tuple[str, str, str], None] = {}
        failed = study.failed_cohort(cohort)
        if failed:
            what = [views.cohort(cohort), Cell(tr("every arm")), Cell(tr("failed"), strong=True), Cell(said(failed))]
            table.rows.append(what)
            continue
        for method, row in study.estimates(cohort).items():
            status = str(row["status"])
            if status != "ok":
                kind, _, reason = status.partition(":")
                seen[method.arm, kind.strip(), reason.strip()] = None
            for fallback in (study.sidecar(cohort, method.arm) or {}).get("fallbacks") or []:
                if str(fallback) not in status:
                    seen[method.arm, "fallback", str(fallback)] = None
            for reason in other_versions(study, cohort, method.arm):
                seen[method.arm, tr("other versions"), reason] = None
            for reason in label_leaks(study, cohort, method.arm):
                seen[method.arm, tr("label leak?"), reason] = None
        for arm, reason in _failed_fractions(study, cohort):
            seen[arm, "failed", reason] = None
        for arm, kind, reason in seen:
            table.rows.append(
                [
                    views.cohort(cohort),
                    views.arm(arm),
                    Cell(tr(kind), strong=kind in ("failed", tr("label leak?"))),
                    Cell(said(reason) or tr("no reason given")),
                ]
            )
    return table
