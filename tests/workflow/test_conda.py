"""`snakemake --sdm conda` with a stand-in for conda, which records its calls; conda itself is never run here."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT, snakemake

CONDA = """\
#!/bin/sh
printf '%s\\n' "$*" >> {folder}/calls
case "$1" in
    info) echo '{{"conda_prefix": "{folder}/base", "platform": "linux-64"}}' ;;
    --version) echo "conda 24.7.1" ;;
    config) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
    env)
        for argument; do
            test "$before" = --file && file="$argument"
            test "$before" = --prefix && prefix="$argument"
            before="$argument"
        done
        mkdir -p "$prefix/bin"
        if grep -q nvidia-tensorflow "$file"; then python={tensorflow1}; else python={python}; fi
        printf '#!/bin/sh\\necho "%s $*" >> {folder}/pythons\\nexec %s "$@"\\n' "$(basename "$python")" "$python" \
            > "$prefix/bin/python"
        chmod +x "$prefix/bin/python" ;;
esac
"""


@pytest.fixture
def conda(tmp_path, study, tensorflow1):
    """A folder with the tiny study, and variables with the stand-in on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "base/bin").mkdir(parents=True)
    text = CONDA.format(folder=tmp_path, python=sys.executable, tensorflow1=tensorflow1)
    (tmp_path / "bin/conda").write_text(text)
    (tmp_path / "bin/conda").chmod(0o755)
    (tmp_path / "base/bin/activate").write_text('export PATH="$1/bin:$PATH"\n')
    (tmp_path / "calls").touch()
    return ENVIRONMENT | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}


def calls(folder):
    return [shlex.split(line) for line in (folder / "calls").read_text().splitlines()]


def test_a_dry_run_asks_conda_and_creates_nothing(tmp_path, conda):
    result = snakemake(tmp_path, "-n", "--sdm", "conda", variables=conda)
    said = result.stdout + result.stderr
    for name in ("main", "tensorflow1"):
        assert re.search(rf"Conda environment \S+/envs/{name}.yaml will be created", said)
    assert ["info", "--json"] in calls(tmp_path)
    assert not [call for call in calls(tmp_path) if call[0] not in ("info", "--version", "config")]


def test_both_environments_are_created_and_jobs_run_in_them(tmp_path, conda):
    targets = ("results/tiny/study.json", "results/tiny/tensorflow1.json")
    snakemake(tmp_path, "--sdm", "conda", "--cores", "1", "--", *targets, variables=conda)
    created = [call for call in calls(tmp_path) if call[:2] == ["env", "create"]]
    files = [call[call.index("--file") + 1] for call in created]
    contents = sorted(Path(file).read_text() for file in files)
    assert contents == sorted((ROOT / f"envs/{name}.yaml").read_text() for name in ("main", "tensorflow1"))
    for call in created:
        assert call[2:4] == ["--quiet", "--no-default-packages"]
        assert call[call.index("--prefix") + 1].startswith(str(tmp_path / ".snakemake/conda/"))
    started = (tmp_path / "pythons").read_text()
    assert "describe_study.py" in started
    assert "-m sixgig.contrastive check" in started
    assert (tmp_path / "results/tiny/tensorflow1.python").read_text().strip().endswith("bin/python")
