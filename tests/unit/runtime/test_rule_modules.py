"""What a rule's digest covers is written down, so that it cannot grow unseen."""

import re

import yaml

from sixgig.runtime.provenance import PACKAGE
from tests.unit.runtime import rule_modules

REGENERATE = "look at what the rule depends on now; if it is right: python -m tests.unit.runtime.rule_modules"


def test_modules_behind_each_rule_are_those_of_the_file():
    listed, found = yaml.safe_load(rule_modules.FILE.read_text()), rule_modules.modules()
    grown = {name: sorted(set(now) - set(listed.get(name, []))) for name, now in found.items()}
    assert not {name: more for name, more in grown.items() if more}, f"digests cover more than before; {REGENERATE}"
    assert found == listed, f"the list is not up to date; {REGENERATE}"


def test_training_knows_nothing_of_figures_words_and_statistics():
    computing = (
        "pretrain_arm",
        "encode_images",
        "code_features",
        "compute_features",
        "prepare_cohort",
        "build_weights",
    )
    rooms = ("figures.", "words.", "reporting.", "results.", "statistics.", "evaluation.")
    for name, found in rule_modules.modules().items():
        if name.split()[0] in computing:
            assert not [module for module in found if module.startswith(rooms)], name


def test_every_rule_digests_its_own_script():
    rules = "\n".join(path.read_text() for path in sorted((PACKAGE.parent / "rules").glob("*.smk")))
    scripts = {path.stem for path in rule_modules.SCRIPTS.glob("*.py")}
    digested = re.findall(r"rule (\w+):(?:(?!\n *rule ).)*?code_digest\(\s*(?:\"(\w+)\"|None)", rules, re.DOTALL)
    assert {rule for rule, _ in digested} == scripts | {"check_environment"}
    assert all(script in (rule, "") for rule, script in digested)
