"""Every rule that does work has one script of the same name, thin; mypy holds what its guard passes to main."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))


def test_rules_and_scripts_have_the_same_names():
    named = re.findall(r'rule (\w+):(?:(?!\n *rule ).)*?script:\s+"\.\./scripts/(\w+)\.py"', RULES, re.DOTALL)
    assert [rule for rule, _ in named] == [script for _, script in named]
    assert {script for _, script in named} == {path.stem for path in SCRIPTS}


def test_scripts_are_thin():
    for path in SCRIPTS:
        text = path.read_text()
        assert len(text.splitlines()) <= 60, path
        assert "snakemake.config" not in text, path
        assert re.findall(r"^ *(?:async )?(?:def|class) (\w+)", text, re.MULTILINE) == ["main"], path


def test_every_working_rule_is_complete():
    for rule in re.findall(r"^ *rule (\w+):", RULES, re.MULTILINE):
        text = re.split(r"\n *rule ", RULES[re.search(rf"rule {rule}:", RULES).start() :])[0]
        assert '"""' in text, rule
        if rule == "plan":  # it makes nothing: it shows what would be made, every time anew
            assert "output:" not in text
            assert "benchmark:" not in text
        elif "script:" in text or "shell:" in text:
            for directive in ("log:", "benchmark:", "resources:", "conda:", "digest="):
                assert directive in text, f"rule {rule} has no {directive}"
            assert "ensure(" in text or "**figure_files(" in text, f"outputs of rule {rule} may be empty"
            assert "run:" not in text, rule
