"""Every sentence of report and figures has a translation, with the same placeholders."""

import ast
import re
from pathlib import Path
from string import Formatter
from typing import get_args, get_type_hints

import pytest
import yaml
from jinja2 import Environment, nodes

from sixgig.arms import registry as arms
from sixgig.classifiers import registry as classifiers
from sixgig.cohorts.base import Remark
from sixgig.evaluation.metrics import METRICS
from sixgig.figures import factors, forest
from sixgig.figures.catalogue import KINDS, draw_figure
from sixgig.reporting import budget, over_cohorts, page, training
from sixgig.reporting.checklists.items import CLAIM, TRIPOD_AI
from sixgig.results.study import Study
from sixgig.statistics.factors import ALL_EQUAL, FEW_ARMS, ONE_CLASSIFIER
from sixgig.verdicts import judging, sentences
from sixgig.words import numbers
from sixgig.words.language import LANGUAGES, catalogue, current, speaking, tr

PACKAGE = Path(__file__).resolve().parents[3] / "sixgig"
OTHERS = [name for name in LANGUAGES if name != "en"]


def texts_in_code():
    """What the package passes to ``tr`` as a literal, in Python and in templates."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and getattr(node.func, "id", None)
            if called == "tr" and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "plural":
                noun = node.args[1]
                assert isinstance(noun, ast.Constant)
                yield from (noun.value, noun.value + "s")
    for path in PACKAGE.rglob("*.j2"):
        for call in Environment().parse(path.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "tr":
                yield call.args[0].value


def texts_by_name():
    """What is passed to ``tr`` through a variable."""
    for kind in KINDS.values():
        yield from (kind.title, kind.caption)
        yield from filter(None, [kind.caption_of_images])
    yield from (metric.title for metric in METRICS.values())
    yield from (look.words for look in arms.looks().values() if look.words)
    yield from training.MEASURES.values()
    yield from over_cohorts.FACTOR_TITLES.values()
    yield from (item.topic for item in (*TRIPOD_AI, *CLAIM))
    yield from budget.FRONT_TITLES.values()
    yield from (*forest.QUESTIONS.values(), *forest.VERDICTS.values(), *judging.LEVELS.values())
    yield from (words for words, _ in factors.PARTS.values())
    yield from (ALL_EQUAL, FEW_ARMS, ONE_CLASSIFIER)
    yield from ("difference found", "no verdict")
    yield from sentences.REASONS
    yield from ("within noise", "not testable", "failed", "fallback", "global", "local")
    yield from ("Evaluation", "Pretraining", "Test", "red", "green", "blue")
    yield from get_args(get_type_hints(Remark)["kind"])
    yield from ("images", "blank images", "duplicates within subject", "duplicates within fold")
    yield from ("flat images", "near copies within fold", "near copies across")


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_translated(language):
    known = catalogue(language)
    wanted = {*texts_in_code(), *texts_by_name()}
    assert len(wanted) > 150
    assert sorted(wanted - known.keys()) == []
    for text, translated in known.items():
        assert placeholders(text) == placeholders(translated), text
        assert text[:1].isspace() == translated[:1].isspace(), text


@pytest.mark.parametrize("language", OTHERS)
def test_arms_and_classifiers_have_titles(language):
    for look in (*arms.looks().values(), *classifiers.looks().values()):
        assert language in look.titles, look
        assert {"en", language} <= look.meanings.keys(), look


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language):
    spoken = {*texts_in_code(), *texts_by_name()} | {"GPU", "memory", "original", "masked input", "reconstruction"}
    spoken |= {"axial", "coronal", "sagittal"}
    default = yaml.safe_load((PACKAGE.parent / "config/config.yaml").read_text())
    spoken |= {default["title"], *(cohort["title"] for cohort in default["cohorts"].values())}
    assert sorted(catalogue(language).keys() - spoken) == []


def test_language_ends_with_its_context():
    with speaking("pt-BR"):
        assert (current(), tr("Cohort")) == ("pt-BR", "Coorte")
        assert tr("a name nobody translated") == "a name nobody translated"
    assert (current(), tr("Cohort")) == ("en", "Cohort")
    with pytest.raises(ValueError, match="no language 'pt'; there are en, pt-BR"), speaking("pt"):
        pass


def test_numbers_in_portuguese():
    with speaking("pt-BR"):
        assert numbers.score(0.8123) == "0,812"
        assert numbers.with_interval(0.8, 0.71, 0.85) == "0,800 [0,710; 0,850]"
        assert numbers.interval(0.71, 0.85) == "0,710 a 0,850"
        assert numbers.p_equation(0.0001) == "p < 0,001"
        assert numbers.mebibytes(1234) == "1.234 MiB"
        assert numbers.plural(2, "subject") == "2 sujeitos"


def test_report_and_figures_in_portuguese(drawn_study):
    study = Study(drawn_study)
    study.info["config"]["language"] = "pt-BR"
    html = page.render(study)
    assert '<html lang="pt-BR">' in html
    for words in ("Veredito", "acurácia balanceada", "intervalo de 95%", "Sujeitos de avaliação".lower()):
        assert words in html
    text = re.sub(
        r"<svg.*?</svg>|<script.*?</script>|<style.*?</style>|<pre.*?</pre>|data-sort=\"[^\"]*\"",
        "",
        html,
        flags=re.DOTALL,
    )
    for english in ("Balanced accuracy", "within noise", "Cohorts and splits", "Seed<", "comparisons", "0.812"):
        assert english not in text, english
    axes = draw_figure(study, "intervals", "elpv").axes[0]
    assert axes.get_xlabel() == "Acurácia balanceada"
