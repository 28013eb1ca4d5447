"""Puts the report together: collects every section, renders the template, writes one HTML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sixgig.errors import SixgigError
from sixgig.figures.catalogue import FigureInfo, figure_list, kinds_of
from sixgig.reporting import (
    budget,
    card,
    clinical,
    cohorts,
    comparisons,
    dictionaries,
    disagreements,
    first_screen,
    fractions,
    glossary,
    groups,
    over_cohorts,
    planned,
    results,
    searches,
    seeds,
    test_sets,
    training,
)
from sixgig.reporting.network_input import network_input
from sixgig.reporting.own_features import own_features
from sixgig.results.study import Study
from sixgig.runtime.atomic import write_text
from sixgig.version import __version__
from sixgig.words import numbers
from sixgig.words.language import current, tr
from sixgig.words.showing import showing
from sixgig.words.titles import cohort_title

_FACT_NAMES = {"gpu": "GPU", "memory_gb": "memory", "memory_mb": "memory"}
#: Template, style and script of the report.
TEMPLATES = Path(__file__).parent / "templates"


def write_report(study: Study, output: Path) -> None:
    """Write the report of a study as one self-contained HTML page.

    Args:
        study: The study, with every table written and the figures drawn under ``figures/``.
        output: The HTML file.

    Raises:
        TableError: A table or sidecar is missing or damaged.
        SixgigError: A figure has not been drawn.
    """
    write_text(output, render(study))


def render(study: Study) -> str:
    """The page's HTML; see :func:`write_report`."""
    with showing(study):
        return _render(study)


def _render(study: Study) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tr"] = tr
    trained = any(study.training.arms(cohort) for cohort in study.cohorts)
    pictures = any(study.training.leaves_pictures(cohort) for cohort in study.cohorts)
    kinds = kinds_of(False, trained, pictures, study.has_fractions, study.has_groups)
    folder, study_kinds = study.folder / "figures", kinds_of(over_cohorts=True)
    names = study.cohorts
    figures = {
        cohort: [(info, inline_svg(info)) for info in figure_list(folder, kinds, cohort, study.metrics_of(cohort))]
        for cohort in names
    }
    compared = {cohort: comparisons.brief(study, cohort) for cohort in names}
    terms = glossary.terms(study)
    environment.globals["explained"] = explaining({**terms, **glossary.names(study)})
    return environment.get_template("report.html.j2").render(
        study=study,
        title=tr(study.title),
        language=current(),
        version=__version__,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report.js").read_text(encoding="utf-8")),
        answers=first_screen.answers(study),
        first_figures=_picked(figures, first=True),
        terms=terms,
        names=glossary.names(study),
        disagreements={cohort: disagreements.cases(study, cohort) for cohort in names},
        planned={cohort: planned.planned(study, cohort) for cohort in names},
        conclusion=over_cohorts.conclusion(study),
        over_cohorts=over_cohorts.description(study),
        omnibus=over_cohorts.omnibus(study),
        ranks=over_cohorts.ranks(study),
        factor_sentences=over_cohorts.factor_sentences(study),
        factors=over_cohorts.factors(study),
        study_figures={info.kind: (info, inline_svg(info)) for info in figure_list(folder, study_kinds)},
        budget=budget.budget(study),
        budget_sentences=budget.sentences(study),
        cohorts=[cohorts.describe(study, cohort) for cohort in names],
        results=results.overview(study),
        seed_sentences=seeds.sentences(study),
        seeds=seeds.seeds(study),
        held_out=results.held_out(study),
        test_pairs=test_sets.pairs(study),
        all_metrics={cohort: results.all_metrics(study, cohort) for cohort in names},
        clinical={cohort: clinical.section(study, cohort) for cohort in names},
        pairs={cohort: pairs for cohort, (pairs, _) in compared.items()},
        tests={cohort: tests for cohort, (_, tests) in compared.items()},
        fraction_sentences={name: fractions.sentence(study, name) for name in names if study.has_fractions},
        fraction_tables={name: fractions.estimates(study, name) for name in names if study.has_fractions},
        groups={found.cohort: found for found in groups.sections(study)},
        trouble=results.trouble(study),
        arms=results.arms(study),
        network_input=network_input(study),
        own_features=own_features(study),
        training=training.training(study),
        training_notes=training.notes(study),
        reconstruction=training.reconstruction(study),
        dictionaries=dictionaries.dictionaries(study),
        dictionary_notes=dictionaries.notes(study),
        search_notes=searches.notes(study),
        costs=results.costs(study),
        card=card.card(study),
        courses=card.courses(study),
        figures=_picked(figures, first=False),
        environment=environment_facts(study),
        config=yaml.safe_dump(study.config, sort_keys=False, allow_unicode=True, width=110) if study.config else "",
        command=str(study.info.get("command") or "snakemake --cores all"),
    )


_Drawn = tuple[FigureInfo, Markup]


def _picked(figures: dict[str, list[_Drawn]], *, first: bool) -> dict[str, list[_Drawn]]:
    """Return the figures of the first screen, or all others."""
    return {
        cohort: [drawn for drawn in own if (drawn[0].kind in first_screen.FIGURES) == first]
        for cohort, own in figures.items()
    }


def explaining(meanings: Mapping[str, str]) -> Callable[[str], Markup]:
    """Return what marks up a text so that its words say what they mean when a reader points at them."""
    words = sorted(meanings, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, words))})(?!\w)")

    def explained(text: str) -> Markup:
        parts = pattern.split(text)  # every second part is a word that is known
        return Markup("").join(
            Markup('<abbr title="{}">{}</abbr>').format(meanings[part], part) if place % 2 else part
            for place, part in enumerate(parts)
        )

    return explained


def inline_svg(info: FigureInfo) -> Markup:
    """A figure's SVG, ready to be placed inside the page.

    Ids that something refers to get the figure's name as a prefix, because two figures on one page must not share an
    id; the others are dropped.

    Raises:
        SixgigError: The file does not exist or is not SVG.
    """
    if not info.svg.exists():
        raise SixgigError(info.svg, "the figure has not been drawn", "run the figures stage before the report")
    content = info.svg.read_text(encoding="utf-8")
    start = content.find("<svg")
    if start < 0:
        raise SixgigError(info.svg, "is not an SVG file", "delete it and run snakemake again")
    prefix = re.sub(r"[^A-Za-z0-9]", "-", f"{info.cohort or 'study'}-{info.kind}-")
    content = content[start:]
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', content))

    def rename(match: re.Match[str]) -> str:
        # matplotlib also gives ids to elements that nothing refers to, and the same id to two equal images.
        return f' id="{prefix}{match[1]}"' if match[1] in used else ""

    content = re.sub(r'\sid="([^"]*)"', rename, content)
    content = re.sub(r"url\(#", f"url(#{prefix}", content)
    content = re.sub(r'href="#', f'href="#{prefix}', content)
    content = content.replace('<g class="tells">', '<g class="tells" tabindex="0">')
    label = Markup.escape(f"{cohort_title(info.cohort)}: {info.title}" if info.cohort else info.title)
    return Markup(re.sub(r"<svg\b", f'<svg role="img" aria-label="{label}"', content, count=1))


def environment_facts(study: Study) -> list[tuple[str, str]]:
    """Seed, versions, machine and commit, as name and value."""
    facts = [(tr("Seed"), str(study.config.get("seed", numbers.MISSING))), ("sixgig", __version__)]
    facts += [(str(name), str(value)) for name, value in (study.info.get("versions") or {}).items()]
    machine = study.info.get("machine") or {}
    for name, value in (machine if isinstance(machine, dict) else {"machine": machine}).items():
        facts.append((tr(_FACT_NAMES.get(str(name), str(name).replace("_", " "))), _machine_value(str(name), value)))
    source = study.info.get("source") or {}
    commit = str(source.get("commit") or tr("not known"))
    facts.append((tr("Git commit"), commit + (tr(" with uncommitted changes") if source.get("changed") else "")))
    return facts


def _machine_value(name: str, value: Any) -> str:
    if isinstance(value, dict):  # the GPU
        return ", ".join(_machine_value(str(key), item) for key, item in value.items() if key != "reason")
    if name.endswith("_mb") and isinstance(value, int | float):
        return numbers.mebibytes(value)
    if name.endswith("_gb") and isinstance(value, int | float):
        return numbers.localised(f"{value:g}") + " GiB"
    if name == "driver":
        return tr("driver {version}", version=value)
    return tr("none") if value is None else str(value)
