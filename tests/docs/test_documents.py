"""README and docs/: the results table is the one of docs/results.csv, and links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml

from bench.showcase import CONFIG, MARKS, README, RESULTS, read, select, table, with_table
from sixgig.errors import SixgigError

ROOT = Path(__file__).resolve().parents[2]
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "results/README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def config():
    return yaml.safe_load(CONFIG.read_text())


def test_the_readmes_table_is_the_one_of_the_results_file(config):
    text = README.read_text()
    assert text == with_table(text, table(read(RESULTS), config)), "run `.venv/bin/python -m bench.showcase`"


def test_the_results_file_has_the_methods_and_cohorts_of_the_default_study(config):
    methods = {(arm, classifier) for arm in config["arms"] for classifier in config["classifiers"]}
    random = ("control_random_efficientnet", "control_random_vit")
    methods |= {(arm, classifier) for arm in random for classifier in config["classifiers"]}
    methods.add(("control_majority_class", "majority_class"))
    shown = {(row["cohort"], row["arm"], row["classifier"]) for row in read(RESULTS)}
    assert shown == {(cohort, *method) for cohort in config["cohorts"] for method in methods}


SUMMARY = """cohort,arm,classifier,metric,estimate,ci_low,ci_high,n_subjects,status,ci_method
elpv,vit_pure,svm,balanced_accuracy,0.70000000001,0.6,0.8,9,fallback: CPU,bca
elpv,vit_pure,svm,accuracy,0.9,0.8,1.0,9,ok,bca
elpv,control_majority_class,majority_class,balanced_accuracy,0.5,,,9,ok,none
elpv,vit_mim,src,balanced_accuracy,,,,9,failed: no weights,
"""


def test_a_summary_becomes_a_table_with_the_reports_names(tmp_path, config):
    (tmp_path / "summary.csv").write_text(SUMMARY)
    assert table(select(tmp_path / "summary.csv"), config).splitlines() == [
        "| method | elpv (9 subjects) |",
        "| --- | --- |",
        "| Pure ViT + SVM | 0.700 [0.600, 0.800] (fallback: CPU) |",
        "| Majority class (control) | 0.500 |",
        "| MIM ViT + SRC | n/a (failed: no weights) |",
    ]


def test_only_what_stands_between_the_marks_is_replaced():
    text = f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n"
    assert with_table(text, "new\n") == f"before\n{MARKS[0]}\n\nnew\n\n{MARKS[1]}\nafter\n"
    with pytest.raises(SixgigError, match="marks of the results table are missing"):
        with_table("no marks", "new\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_to_files(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
