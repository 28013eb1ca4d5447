"""What can be said over all cohorts together: sentences that are never more certain than the test, and their tables."""

from __future__ import annotations

import pandas as pd

from sixgig.reporting import views
from sixgig.reporting.views import Cell, TableView
from sixgig.results.study import Method, Study
from sixgig.statistics.friedman import MOST_COHORTS, WANTED_POWER
from sixgig.statistics.omnibus import MIN_COHORTS
from sixgig.words import numbers
from sixgig.words.language import tr
from sixgig.words.titles import arm_title, classifier_title, cohort_title, method_title, metric_words

#: Factors of the table, for people.
FACTOR_TITLES = {"arm": "Arm", "classifier": "Classifier", "interaction": "Interaction and noise"}


def conclusion(study: Study) -> str:
    """Say in one or two sentences what may be concluded over all cohorts together.

    Rules, in order: fewer than two methods on every cohort, or all of them equal -> nothing to compare. Fewer than
    :data:`MIN_COHORTS` cohorts -> no verdict. The test over cohorts finds nothing -> it says so, and that this does not
    prove equality. Otherwise the method with the best average rank is named, with those that it is and is not told
    apart from. A higher rank alone never makes a method better.
    """
    row = study.omnibus.iloc[0]
    status = str(row["status"])
    if row["test"] == "none":
        return tr(
            "Fewer than two methods have an estimate on every cohort, so there is nothing to compare over cohorts."
        )
    if int(row["n_cohorts"]) < MIN_COHORTS:
        return tr(
            "Each cohort stands alone: a verdict over cohorts needs at least {least} of them, and this study has "
            "{number}.",
            least=MIN_COHORTS,
            number=int(row["n_cohorts"]),
        )
    if status != "ok":
        return tr("All methods are equal on every cohort, so there is nothing to test over cohorts.")
    facts = {"cohorts": numbers.plural(int(row["n_cohorts"]), "cohort"), "test": _test_words(row)}
    methods = numbers.plural(int(row["n_methods"]), "method")
    if row["verdict"] != "difference found":
        return tr(
            "Over {cohorts} no difference between {methods} is found ({test}), which is not proof that they are equal.",
            methods=methods,
            **facts,
        )
    found = tr("Over {cohorts} the {methods} differ ({test}).", methods=methods, **facts)
    return f"{found} {_best(study)}"


def description(study: Study) -> list[str]:
    """Sentences that describe the ranks and what the test could have found; none when nothing is ranked."""
    row = study.omnibus.iloc[0]
    if row["test"] == "none":
        return _left_out(study)
    sentences = []
    ranked = _ranked(study)
    if row["verdict"] != "difference found" and not str(row["status"]).startswith("undefined"):
        best = ranked[ranked["average_rank"] == ranked["average_rank"].min()]
        sentences.append(
            tr(
                "Best average rank: {methods}, {rank} of {number}; by itself this does not mean better.",
                methods=_names(best),
                rank=numbers.rank(best["average_rank"].iloc[0]),
                number=numbers.count(row["n_methods"]),
            )
        )
    if not numbers.is_missing(row["kendall_w"]):
        sentences.append(
            tr(
                "The cohorts agree on the ranking to Kendall's W = {w} (0: not at all, 1: the same ranking on each).",
                w=numbers.rank(row["kendall_w"]),
            )
        )
    if not numbers.is_missing(row["critical_difference"]):
        text = tr(
            "Nemenyi's critical difference is {critical} ranks of {possible} possible.",
            critical=numbers.rank(row["critical_difference"]),
            possible=numbers.count(row["n_methods"] - 1),
        )
        if float(row["cd_share"]) > 1:
            text += " " + tr("No two average ranks can lie that far apart.")
        sentences.append(text)
    if not numbers.is_missing(row["power"]):
        sentences.append(_power(row))
    return [*sentences, *_left_out(study)]


def _power(row: pd.Series) -> str:
    needed, share = row["cohorts_for_power"], numbers.percent(WANTED_POWER)
    chance = tr(
        "With {cohorts} the test would find a method that is better than all others by one standard deviation (of a "
        "method's scatter between cohorts) in {power} of studies",
        cohorts=numbers.plural(int(row["n_cohorts"]), "cohort"),
        power=numbers.percent(row["power"]),
    )
    if numbers.is_missing(needed):
        return chance + tr("; {share} would take more than {number} cohorts.", share=share, number=MOST_COHORTS)
    if int(needed) <= int(row["n_cohorts"]):
        return chance + "."
    return chance + tr("; {share} would take {number} cohorts.", share=share, number=numbers.count(needed))


def _test_words(row: pd.Series) -> str:
    p = numbers.p_equation(row["p_value"], float(row["alpha"]))
    if row["test"] == "wilcoxon":
        return tr("Wilcoxon's signed ranks, {p}", p=p)
    if numbers.is_missing(row["f"]):
        return tr("Friedman's test, the same ranking on every cohort, {p}", p=p)
    return tr(
        "Friedman's test with Iman and Davenport's F = {f}, {first} and {second} degrees of freedom, {p}",
        f=numbers.rank(row["f"]),
        first=int(row["df_methods"]),
        second=int(row["df_error"]),
        p=p,
    )


def _ranked(study: Study) -> pd.DataFrame:
    ranks = study.ranks
    return ranks[(ranks["role"] == "arm") & ranks["average_rank"].notna()]


def _method(row: pd.Series) -> Method:
    return Method(str(row["arm"]), str(row["classifier"]))


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(method_title(_method(row)) for _, row in rows.iterrows())


def _best(study: Study) -> str:
    """Sentence on the method with the best average rank, by the groups of the table."""
    ranked = _ranked(study)
    best, others = ranked.iloc[0], ranked.iloc[1:]
    own = set(str(best["groups"]).split())
    shares = others["groups"].map(lambda groups: bool(own & set(str(groups).split()))).astype(bool)
    facts = {"best": method_title(_method(best)), "rank": numbers.rank(best["average_rank"])}
    if shares.all():
        return tr("{best} has the best average rank ({rank}), but no method is told apart from it.", **facts)
    apart = _names(others[~shares])
    if not shares.any():
        return tr("{best} has the best average rank ({rank}) and is told apart from every other method.", **facts)
    return tr(
        "{best} has the best average rank ({rank}); it is told apart from {apart}, but not from {level}.",
        apart=apart,
        level=_names(others[shares]),
        **facts,
    )


def _left_out(study: Study) -> list[str]:
    """One sentence per reason on arms that are not ranked."""
    rows = study.ranks[study.ranks["status"].str.startswith("left out")]
    sentences = []
    for status in rows["status"].unique():
        cohorts = ", ".join(map(cohort_title, str(status).partition(" on ")[2].split(", ")))
        methods = _names(rows[rows["status"] == status])
        sentences.append(
            tr("Not ranked: {methods}, without an estimate on {cohorts}.", methods=methods, cohorts=cohorts)
        )
    return sentences


def ranks(study: Study) -> TableView:
    """Ranks over the cohorts, best first, then controls, then what is not ranked."""
    table = TableView(
        "ranks-table",
        tr(
            "Ranks over the cohorts by {metric}; 1 is the best. Methods that share a group are not told apart; there "
            "are no groups without a verdict. A control is not ranked: its numbers are the place that it would take.",
            metric=metric_words(study.metric),
        ),
        [tr("Method"), tr("Average rank"), tr("Best"), tr("Worst"), tr("Groups")],
    )
    for _, row in study.ranks.iterrows():
        left_out = str(row["status"]) != "ok"
        groups = row["groups"]
        if left_out or row["role"] == "control":
            groups = tr("not ranked")
        elif numbers.is_missing(groups):
            groups = tr("no verdict")
        table.rows.append(
            [
                views.method(_method(row)),
                views.number(row["average_rank"], numbers.rank),
                views.number(row["best_rank"], numbers.short),
                views.number(row["worst_rank"], numbers.short),
                Cell(str(groups)),
            ]
        )
    return table


def omnibus(study: Study) -> TableView:
    """The test over cohorts, as one row."""
    row = study.omnibus.iloc[0]
    few = str(row["status"]).startswith("not enough")
    table = TableView(
        "omnibus-table",
        tr("The test over cohorts, which are its blocks: folds and repeats are not independent and never are."),
        [
            tr("Test"),
            tr("Methods"),
            tr("Cohorts"),
            tr("Kendall's W"),
            "F",
            "p",
            tr("Critical difference"),
            tr("Power"),
            tr("Verdict"),
        ],
        sortable=False,
    )
    table.rows.append(
        [
            Cell({"friedman": "Friedman", "wilcoxon": "Wilcoxon"}.get(str(row["test"]), tr("none"))),
            views.number(row["n_methods"], numbers.count),
            views.number(row["n_cohorts"], numbers.count),
            views.number(row["kendall_w"], numbers.rank),
            # Without a verdict there is no p value, and F alone would tempt readers to compute one.
            views.number(None if few else row["f"], numbers.rank),
            views.number(row["p_value"], lambda p: numbers.p_value(p, float(row["alpha"]))),
            views.number(row["critical_difference"], numbers.rank),
            views.number(row["power"], numbers.percent),
            Cell(tr("not enough cohorts") if few else tr(str(row["verdict"]))),
        ]
    )
    return table


def factor_sentences(study: Study) -> list[str]:
    """One sentence per cohort on what arm and classifier explain, with what is known about its certainty."""
    sentences = []
    for cohort in study.factors["cohort"].unique():
        rows = study.factors[study.factors["cohort"] == cohort].set_index("factor")
        first = rows.iloc[0]
        status = str(first["status"])
        if status.startswith("undefined"):
            reason = tr(status.partition(": ")[2])
            sentences.append(
                tr(
                    "{cohort}: arm and classifier cannot be compared ({reason}).",
                    cohort=cohort_title(cohort),
                    reason=reason,
                )
            )
            continue
        shares = {factor: numbers.percent(rows.loc[factor, "eta_squared"]) for factor in rows.index}
        text = tr(
            "On {cohort} the arm explains {arm} of the variance between methods, the classifier {classifier}, their "
            "interaction and noise {interaction}; the estimates run from {lowest} to {highest}.",
            cohort=cohort_title(cohort),
            lowest=numbers.score(first["lowest"]),
            highest=numbers.score(first["highest"]),
            **shares,
        )
        width = first["interval_width"]
        if not numbers.is_missing(width) and float(first["highest"]) - float(first["lowest"]) < float(width):
            text += " " + tr(
                "That range is narrower than a typical {level} interval ({width}), so the shares may be noise.",
                level=numbers.level(study.alpha),
                width=numbers.score(width),
            )
        if status.startswith("without "):
            names = ", ".join(map(_factor_title, status.removeprefix("without ").split(", ")))
            text += " " + tr("Left out, since estimates are missing: {names}.", names=names)
        sentences.append(text)
    return sentences


def _factor_title(name: str) -> str:
    kind, _, classifier = name.partition(" ")
    return classifier_title(classifier) if kind == "classifier" and classifier else arm_title(name)


def factors(study: Study) -> TableView:
    """What arm and classifier explain on each cohort."""
    table = TableView(
        "factors-table",
        tr(
            "Two-way layout of arms and classifiers, one estimate in each cell; controls do not count. No p values: "
            "folds are not independent, and the interaction cannot be told from noise."
        ),
        [tr("Cohort"), tr("Factor"), tr("Levels"), tr("Degrees of freedom"), tr("Sum of squares"), tr("Share")],
    )
    for _, row in study.factors.iterrows():
        table.rows.append(
            [
                views.cohort(row["cohort"]),
                Cell(tr(FACTOR_TITLES[str(row["factor"])])),
                views.number(row["levels"], numbers.count),
                views.number(row["df"], numbers.count),
                views.number(row["sum_of_squares"], numbers.small),
                views.number(row["eta_squared"], numbers.percent),
            ]
        )
    return table
