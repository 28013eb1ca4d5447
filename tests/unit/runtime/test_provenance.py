import pytest

from sixgig.runtime.provenance import PACKAGE, Source, normal_form, this_source


@pytest.fixture
def checkout(tmp_path):
    package, scripts = tmp_path / "sixgig", tmp_path / "scripts"
    (package / "arms").mkdir(parents=True)
    (package / "runtime").mkdir()
    scripts.mkdir()
    (package / "__init__.py").write_text('"""Docs."""\n')
    (package / "arms" / "__init__.py").write_text('"""Docs."""\n')
    (package / "arms" / "one.py").write_text("def f():\n    from sixgig import deep\n    return deep\n")
    (package / "deep.py").write_text('"""Docs."""\n\n\ndef half(x):\n    """Half."""\n    return x / 2\n')
    (package / "other.py").write_text("")
    (package / "runtime" / "jobs.py").write_text("from sixgig import other\n")
    (scripts / "work.py").write_text(
        "from typing import TYPE_CHECKING\nfrom sixgig.arms.one import f\nfrom sixgig.runtime.jobs import job\n"
        "if TYPE_CHECKING:\n    from sixgig.other import x\n"
    )
    return tmp_path


def source(checkout):
    return Source(checkout / "sixgig", checkout / "scripts", checkout / "known.json")


def test_modules_follow_what_runs_and_nothing_else(checkout):
    assert source(checkout).modules("work") == ["sixgig.arms.one", "sixgig.deep"]
    assert source(checkout).modules("work", "sixgig.other") == ["sixgig.arms.one", "sixgig.deep", "sixgig.other"]
    assert source(checkout).modules(None, "sixgig.deep") == ["sixgig.deep"]


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("sixgig/deep.py", "x / 2", "x / 3", True),
        ("scripts/work.py", "import job\n", "import job\nprint()\n", True),
        ("sixgig/deep.py", "Half.", "One half.", False),
        ("sixgig/deep.py", "return x / 2", "return (x / 2)  # a comment", False),
        ("sixgig/__init__.py", "Docs", "Other docs", False),
        ("sixgig/other.py", "", "changed = 1\n", False),
        ("sixgig/runtime/jobs.py", "import other", "import other as another", False),
    ],
)
def test_digest_changes_with_code_alone(checkout, file, old, new, changes):
    before = source(checkout).digest("work")
    path = checkout / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else new)
    assert (source(checkout).digest("work") != before) == changes


def test_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="no module sixgig.nothing"):
        this_source().digest(None, "sixgig.nothing")


def test_a_string_that_is_no_docstring_counts():
    forms = set()
    for text in ('x = "one"\n', 'x = "two"\n', 'def f():\n    """one"""\n    return 1\n', "def f():\n    return 1\n"):
        forms.add(normal_form(text.encode()))
    assert len(forms) == 3


def test_packages_hold_no_code():
    """Digests leave out every `__init__`, so none of them may compute anything; the package's own looks Study up."""
    import ast

    for path in PACKAGE.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        if path.parent != PACKAGE:
            assert all(isinstance(node, ast.Expr) for node in body), path


def test_template_digest_sees_templates_languages_and_looks(tmp_path):
    package = tmp_path / "sixgig"
    digests = set()
    for file in ("reporting/templates/a", "words/languages/a", "arms/one/look.yaml", "arms/two/look.yaml"):
        (package / file).parent.mkdir(parents=True)
        (package / file).write_text(file)
        digests.add(Source(package, tmp_path, tmp_path / "known.json").template_digest())
    (package / "arms/one/options.yaml").write_text("description: Nothing is drawn from it.")
    digests.add(Source(package, tmp_path, tmp_path / "known.json").template_digest())
    assert len(digests) == 4


def test_looks_options_and_checks_are_behind_no_result(checkout):
    before = source(checkout).digest("work")
    (checkout / "sixgig/arms/checks.py").write_text("one = 1\n")
    (checkout / "sixgig/arms/one.py").write_text(
        "def f():\n    from sixgig import deep\n    from sixgig.arms.checks import one\n    return deep\n"
    )
    after = source(checkout).digest("work")
    assert after != before
    (checkout / "sixgig/arms/checks.py").write_text("one = 2\n")
    assert source(checkout).digest("work") == after


def test_what_is_known_of_a_file_is_kept_and_another_content_is_looked_at(checkout, monkeypatch):
    first = source(checkout).digest("work")
    monkeypatch.setattr("sixgig.runtime.provenance.ast.parse", lambda _: pytest.fail("parsed again"))
    assert source(checkout).digest("work") == first
    monkeypatch.undo()
    (checkout / "sixgig" / "deep.py").write_text("def half(x):\n    return x / 4\n")
    changed = source(checkout).digest("work")
    (checkout / "known.json").write_text("[broken")
    assert source(checkout).digest("work") == changed != first
