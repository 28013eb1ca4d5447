"""Every rule that does work has one script of the same name, thin and importable."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rules_and_scripts_have_the_same_names():
    named = re.findall(r'rule (\w+):(?:(?!\n *rule ).)*?script:\s+"\.\./scripts/(\w+)\.py"', RULES, re.DOTALL)
    assert [rule for rule, _ in named] == [script for _, script in named]
    assert {script for _, script in named} == {path.stem for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_is_thin(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert re.fullmatch(r"[a-z]+_[a-z]+", path.stem)
    assert "snakemake.config" not in text
    module = load(path)
    assert module.__doc__
    assert inspect.signature(module.main).return_annotation in ("None", None)
    definitions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
    own = [name for name in definitions if getattr(module, name).__module__ == path.stem]
    assert own == ["main"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_guard_passes_every_argument_that_main_takes(path):
    """The call in the guard names each parameter of main, so a renamed one cannot go unseen."""
    text = path.read_text()
    call = text[text.index("main(", text.index("if __name__")) :]
    given = set(re.findall(r"^            (\w+)=", call, re.MULTILINE)) or set(re.findall(r"(\w+)=", call))
    wanted = set(inspect.signature(load(path).main).parameters)
    assert wanted - {"encode_job", "pretrain_job"} <= given


@pytest.mark.parametrize("rule", re.findall(r"^ *rule (\w+):", RULES, re.MULTILINE))
def test_every_working_rule_is_complete(rule):
    text = re.split(r"\n *rule ", RULES[re.search(rf"rule {rule}:", RULES).start() :])[0]
    assert '"""' in text
    if "script:" in text or "shell:" in text:
        for directive in ("log:", "benchmark:", "resources:", "conda:", "digest="):
            assert directive in text, f"rule {rule} has no {directive}"
        assert "ensure(" in text or "**figure_files(" in text, f"outputs of rule {rule} may be empty"
        assert "run:" not in text
