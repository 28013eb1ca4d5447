"""Build a virtual environment from a hashed lock, with nothing but Python 3.

Called by the Makefile, as in ``python3 envs/build.py .venv 3.11 envs/main.txt``. The first time, a pinned uv goes to
``.tools/`` beside the environment. The environment is complete when ``<environment>/.ready`` holds the digest of its
lock; a build that was killed is begun again. Only the standard library is imported, and Python 3.7 suffices.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV_LOCK = ROOT / "envs" / "uv.txt"


def say(text):
    """Print a line that stands out from what the tools print."""
    print("[set-up] " + text, flush=True)


def fail(reason, next_step):
    """Stop with the reason and what to do about it."""
    sys.exit(f"\n[set-up] failed: {reason}\n[set-up] next step: {next_step}")


def run(command):
    """Run a command and return whether it succeeded."""
    return subprocess.call([str(part) for part in command]) == 0


def digest(path):
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_uv(tools):
    """Return the path of the pinned uv in the folder ``tools``, installing it when it is not there."""
    uv = tools / "bin" / "uv"
    stamp = tools / ".ready"
    if uv.exists() and stamp.exists() and stamp.read_text() == digest(UV_LOCK):
        return uv
    say("fetching uv, which builds the environments (once, about 20 MB)")
    if not run([sys.executable, "-m", "venv", "--clear", tools]):
        fail(
            f"{sys.executable} cannot make a virtual environment",
            "install its venv module (Debian and Ubuntu: sudo apt-get install python3-venv), then run make again",
        )
    pip = [tools / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", UV_LOCK]):
        fail("uv could not be installed", "check the network (or pip's proxy and index settings), then run make again")
    stamp.write_text(digest(UV_LOCK))
    return uv


def find_python(python):
    """Return pyenv's interpreter of version ``python``, or the version itself, which uv finds or fetches.

    pyenv puts stand-ins on PATH for versions that are installed but not selected; those fail when uv asks them.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = list((root / "versions").glob(python + ".*/bin/python"))
    found.sort(key=lambda path: [int(part) for part in path.parts[-3].split(".") if part.isdigit()])
    return str(found[-1]) if found else python


def build(environment, python, lock):
    """Build ``environment`` with interpreter version ``python`` from ``lock``, unless it is there already."""
    stamp = environment / ".ready"
    wanted = digest(lock)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    uv = find_uv(environment.parent / ".tools")
    name = environment.name
    say(f"building {name} with Python {python} from {lock.relative_to(ROOT)}")
    if stamp.exists():
        stamp.unlink()
    if not (environment / "bin" / "python").exists() and not run(
        [uv, "venv", "--quiet", "--clear", "--python", find_python(python), environment]
    ):
        fail(
            f"no Python {python} was found, and uv could not fetch one",
            f"install it (for example with pyenv install {python}), then run make again",
        )
    os.environ.setdefault("UV_HTTP_TIMEOUT", "300")
    interpreter = environment / "bin" / "python"
    install = [uv, "pip", "sync", "--require-hashes", "--compile-bytecode", "--python", interpreter, lock]
    if not run(install):
        fail(
            f"the packages of {name} could not be installed",
            "read uv's message above: usually the network, or less than 9 GB of free disk. Then run make again; "
            "what was downloaded is kept",
        )
    stamp.write_text(wanted)
    say(f"{name} is ready ({time.monotonic() - started:.0f} s)")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python3 envs/build.py ENVIRONMENT PYTHON LOCK")
    build(ROOT / sys.argv[1], sys.argv[2], ROOT / sys.argv[3])
