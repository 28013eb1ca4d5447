import ast

import pytest

from sixgig import provenance
from sixgig.provenance import PACKAGE, source_digest, template_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "sixgig"
    (root / "arms").mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "arms" / "__init__.py").write_text("")
    (root / "arms" / "one.py").write_text("def f():\n    from sixgig import deep\n")
    (root / "deep.py").write_text("import numpy\n")
    (root / "other.py").write_text("")
    (root / "jobs.py").write_text("")
    monkeypatch.setattr(provenance, "PACKAGE", root)
    provenance._imports.cache_clear()
    yield root
    provenance._imports.cache_clear()


def digest_after(package, name, text):
    (package / name).write_text(text)
    provenance._imports.cache_clear()
    return source_digest("sixgig.arms.one")


def test_digest_follows_imports_inside_functions(package):
    before = source_digest("sixgig.arms.one")
    assert digest_after(package, "other.py", "changed = 1\n") == before
    assert digest_after(package, "jobs.py", "changed = 1\n") == before
    assert digest_after(package, "deep.py", "import numpy\nchanged = 1\n") != before


def test_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="no module sixgig.nothing"):
        source_digest("sixgig.nothing")


def test_rules_name_modules_that_reach_what_they_use():
    """The digest of each rule covers the module that its script imports from."""
    for script in sorted((PACKAGE.parent / "scripts").glob("*.py")):
        rules = "\n".join(path.read_text() for path in (PACKAGE.parent / "rules").glob("*.smk"))
        rule = rules[rules.index(f"rule {script.stem}:") :].split("\nrule ")[0]
        named = [part for part in rule.split('"') if part.startswith("sixgig.") and "{" not in part]
        covered = set(named)
        waiting = list(named)
        while waiting:
            for module in provenance._imports(waiting.pop()):
                if module not in covered:
                    covered.add(module)
                    waiting.append(module)
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sixgig."):
                allowed = (
                    covered | provenance._WITHOUT_RESULT | {"sixgig.atomic", "sixgig.tables", "sixgig.checkpoints"}
                )
                assert node.module in allowed, f"{script.name} uses {node.module}, its rule's digest does not"


def test_template_digest_is_stable():
    assert template_digest() == template_digest()
