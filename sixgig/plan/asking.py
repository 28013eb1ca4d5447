"""Answers to the questions of a plan about its networks, without torch, timm or MONAI in this process.

Most studies are answered from the names of their networks. For others one process of its own is started, which imports
these libraries, answers everything and ends; a cache file of the user keeps the answers for the next plan.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sixgig import errors
from sixgig.errors import SixgigError, WeightsError
from sixgig.plan.questions import Question, respond, subject
from sixgig.runtime.atomic import read_json, write_json
from sixgig.runtime.places import PACKAGE
from sixgig.runtime.provenance import files_digest
from sixgig.runtime.user_cache import user_cache
from sixgig.weights.building import NotBuiltError, nothing_built

#: Libraries on whose versions answers depend.
LIBRARIES = ("torch", "timm", "monai")
#: Rooms of this package whose code answers.
_ROOMS = ("arms", "contrastive", "gpu", "mim", "plan", "training", "weights")
#: Most answers that the cache keeps.
_MOST = 1000
#: What was answered in this process, by state and question.
_ANSWERS: dict[str, dict[str, Any]] = {}


def cache_file() -> Path:
    """Return the file of this user that keeps answers."""
    return user_cache("networks.json")


def state() -> str:
    """Return what answers depend on beside the question: versions of libraries, and the code that answers."""
    return f"{'; '.join(f'{name} {_version(name)}' for name in LIBRARIES)}; code {_code_digest()}"


def learn(questions: Iterable[Question]) -> None:
    """Get the answers to questions, all those that take torch, timm or MONAI from one process.

    Args:
        questions: They may repeat.

    Raises:
        WeightsError: That process cannot be started, or ends without an answer.
    """
    unknown = [question for question in dict.fromkeys(questions) if _needs_asking(question)]
    if not unknown:
        return
    now = state()
    kept = _read(cache_file())
    _ANSWERS.update({key: {"value": kept[key]} for key in (_key(now, one) for one in unknown) if key in kept})
    unknown = [question for question in unknown if _key(now, question) not in _ANSWERS]
    if not unknown:
        return
    answers = {_key(now, question): found for question, found in zip(unknown, _in_a_process(unknown), strict=True)}
    _ANSWERS.update(answers)
    # What is refused is asked again: the user mends it, and may do so by installing something.
    kept |= {key: found["value"] for key, found in answers.items() if "value" in found}
    with suppress(OSError):  # a file that cannot be written is no reason not to plan
        write_json(cache_file(), dict(list(kept.items())[-_MOST:]))


def answer(question: Question) -> Any:
    """Return the answer to a question.

    Raises:
        SixgigError: The answer is a refusal.
        ModuleNotFoundError: This environment lacks timm, torch or MONAI.
        WeightsError: The process that answers cannot be started, or ends without an answer.
    """
    try:
        with nothing_built():
            return respond(question)
    except NotBuiltError:
        pass
    learn([question])
    found = _ANSWERS[_key(state(), question)]
    if "refused" in found:
        kind, *said = found["refused"]
        raise getattr(errors, kind)(*said)
    if "missing" in found:
        raise ModuleNotFoundError(f"No module named {found['missing']!r}", name=found["missing"])
    if "failed" in found:
        step = "free memory if that is what it lacks, or choose another `model`"
        raise WeightsError(f"network {subject(question)}", f"cannot be looked at: {found['failed']}", step)
    return found["value"]


def _needs_asking(question: Question) -> bool:
    try:
        with nothing_built():
            respond(question)
    except NotBuiltError:
        return _key(state(), question) not in _ANSWERS
    except SixgigError:
        pass
    return False


def _in_a_process(questions: list[Question]) -> list[dict[str, Any]]:
    """Ask a process of its own, which ends after that.

    Raises:
        WeightsError: It cannot be started, or ends without an answer.
    """
    names = ", ".join(dict.fromkeys(subject(question) for question in questions))
    place = f"networks {names}"
    # The packages of this interpreter alone: not what lies in the working directory, which may be a clone.
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.answering"],
            env=variables, input=json.dumps(questions), capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError as error:
        reason = f"no process could be started to look at them: {error.strerror or error}"
        raise WeightsError(place, reason, "end other programs, and plan again") from None
    if done.returncode < 0:
        reason = f"the process that looks at them was killed by signal {-done.returncode}"
        raise WeightsError(place, reason, "free memory (it takes about 1.5 GB for some seconds), and plan again")
    with suppress(ValueError):
        found = json.loads(done.stdout)
        if done.returncode == 0 and isinstance(found, list) and len(found) == len(questions):
            return found
    said = next(reversed([line.strip() for line in done.stderr.splitlines() if line.strip()]), "it said nothing")
    reason = f"the process that looks at them ended with exit code {done.returncode}: {said[:300]}"
    raise WeightsError(place, reason, "mend the environment (`sixgig doctor` looks at it), and plan again")


def _key(now: str, question: Question) -> str:
    return f"{now}; {question}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


@cache
def _code_digest() -> str:
    return files_digest((file for room in _ROOMS for file in (PACKAGE / room).rglob("*.py")), PACKAGE)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
