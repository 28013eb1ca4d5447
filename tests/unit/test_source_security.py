"""What the source code may not do: unpickle, load YAML as objects, hand names to a shell."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("sixgig/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("bench/*.py")])
RULES = sorted([*ROOT.glob("rules/*.smk"), ROOT / "Snakefile"])
#: In a shell command, what is the user's must be quoted; these are flags that a rule puts together itself.
OWN_FLAGS = {"params.gpu"}


def problems(tree: ast.AST) -> Iterator[str]:
    """Yield what a piece of source code does that it may not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [f"{node.module}.{name}" for name in names] if isinstance(node, ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (
                f"imports {name}" for name in names if re.match(r"(_?pickle|cPickle|dill|shelve|marshal)\b", name)
            )
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if given.get("allow_pickle", "False") != "False":
            yield f"{name}(allow_pickle={given['allow_pickle']})"
        if re.search(r"\b(load_npy|fromfile)$", name):
            yield name
        if name == "torch.load" and given.get("weights_only") != "True":
            yield "torch.load without weights_only=True"
        if re.search(r"\b(joblib|pickle|pd|pandas)\.(load|loads|read_pickle)$", name):
            yield name
        if re.search(r"\byaml\.(load|load_all|full_load|unsafe_load|FullLoader|UnsafeLoader|Loader)$", name):
            yield name
        if given.get("shell", "False") != "False":
            yield f"{name}(shell={given['shell']})"
        if name in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec"):
            yield name
        if name in ("tempfile.mktemp",) or re.search(r"\bextractall$", name):
            yield name


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_source_file_does(file: Path) -> None:
    assert list(problems(ast.parse(file.read_bytes()))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from pickle import loads", "np.load(x, allow_pickle=True)", "torch.load(x)",
        "torch.load(x, weights_only=False)", "joblib.load(x)", "pd.read_pickle(x)", "yaml.load(x)",
        "yaml.unsafe_load(x)", "run(x, shell=True)", "os.system(x)", "eval(x)", "archive.extractall(x)",
    ],
)  # fmt: skip
def test_what_it_would_do_is_found(code: str) -> None:
    assert len(list(problems(ast.parse(code)))) >= 1


def test_numpy_refuses_pickles_when_it_is_not_told_to() -> None:
    import inspect

    import numpy as np

    assert inspect.signature(np.load).parameters["allow_pickle"].default is False


def shell_commands(text: str) -> Iterator[str]:
    for found in re.finditer(r"^( *)shell:\n((?:\1 +.*\n|\n)+)", text, re.MULTILINE):
        yield found[2]


def unquoted(command: str) -> set[str]:
    fields = re.findall(r"(?<!\{)\{([^{}]+)\}(?!\})", command)
    return {field for field in fields if not field.endswith(":q")} - OWN_FLAGS


def test_names_in_shell_commands_are_quoted() -> None:
    commands = [command for file in RULES for command in shell_commands(file.read_text())]
    assert commands
    assert set().union(*(unquoted(command) for command in commands)) == set()


def test_an_unquoted_name_is_found() -> None:
    (command,) = shell_commands(
        "rule a:\n    shell:\n        'touch {output} {log:q} {{x}}'\n        ' {wildcards.a}'\n"
    )
    assert unquoted(command) == {"output", "wildcards.a"}
