"""What of a study failed or gave something up, read from what its jobs left; and what to run to try it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.arms.seeds import spoken
from sixgig.errors import SKIPPED
from sixgig.runtime.atomic import read_json
from sixgig.runtime.outcomes import FAILED, failed_status

if TYPE_CHECKING:
    from sixgig.plan.plan import Plan

#: Exit code of a run that is finished, in which an arm or a cohort failed.
WITH_FAILURES = 3
_FALLBACK = "fallback: "


@dataclass(frozen=True)
class Failure:
    """An arm, a cohort or a classifier that failed.

    Attributes:
        what: What it is, in words: ``arm vit_mim on acdc`` or ``cohort acdc``.
        reason: Why.
        again: The file whose rule has to run again, with all that depends on it.
        asked_for: Whether the study file says to leave it out then; it is named, and counts as no failure.
    """

    what: str
    reason: str
    again: str
    asked_for: bool = False


def failures(plan: Plan) -> list[Failure]:
    """Return what has failed so far: cohorts, arms on the others, classifiers, fractions; in the study file's order."""
    cohorts = {name: found for name in plan.cohorts if (found := failed_cohort(plan, name)) is not None}
    arms = (
        found
        for cohort, arm in plan.arm_runs
        if cohort not in cohorts and (found := _failed_arm(plan, cohort, arm)) is not None
    )
    methods = (found for key in plan.method_runs if (found := _failed_method(plan, *key)) is not None)
    curves = (found for key in plan.fraction_keys for found in _failed_fractions(plan, *key))
    return [*cohorts.values(), *arms, *methods, *_failed_external(plan), *curves]


def fallbacks(plan: Plan) -> list[str]:
    """Return in words which arms were computed in another way than the study file asks for."""
    found = ((f"arm {spoken(arm)} on {cohort}", _status(plan, cohort, arm)) for cohort, arm in plan.arm_runs)
    return [f"{what}: {status[len(_FALLBACK) :]}" for what, status in found if status.startswith(_FALLBACK)]


def files_again(found: list[Failure]) -> list[str]:
    """Return the files that ``snakemake --forcerun`` is given, to try again what failed."""
    return list(dict.fromkeys(failure.again for failure in found if not failure.asked_for))


def sentences(plan: Plan) -> Iterator[str]:
    """Say what failed in an earlier run, and how to try it again."""
    for failure in failures(plan):
        how = "" if failure.asked_for else f"; to try again: --forcerun {failure.again}"
        yield f"{failure.what} failed: {failure.reason}{how}"


def summary(plan: Plan) -> Iterator[str]:
    """Say at the end of a run what failed, what was given up, and how to try again; nothing when all went well."""
    failed, given_up = failures(plan), fallbacks(plan)
    for failure in failed:
        yield f"FAILED {failure.what}: {failure.reason}"
    for text in given_up:
        yield f"fallback {text}"
    files = files_again(failed)
    if files:
        yield "to try again what failed: sixgig run STUDY.yaml --retry-failed, or make RETRY=yes, or"
        yield f"  snakemake --cores all --forcerun {' '.join(files)}"


def exit_code(plan: Plan) -> int:
    """Return the exit code of a run in which every job succeeded: 0, or 3 when an arm or a cohort failed."""
    return WITH_FAILURES if any(not failure.asked_for for failure in failures(plan)) else 0


def failed_cohort(plan: Plan, cohort: str) -> Failure | None:
    """Return how a cohort failed in an earlier run; None when it did not."""
    folder = Path(f"results/{plan.study}/cohorts/{cohort}")
    status = str(_read(folder / "leakage.json").get("status", ""))
    if not status.startswith(FAILED):
        return None
    made = {"cohort.json": "manifest.csv", "splits.json": "splits.csv"}
    first = next((file for name, file in made.items() if _read(folder / name).get("status") == status), "leakage.json")
    return Failure(f"cohort {cohort}", status[len(FAILED) :], str(folder / first))


def _failed_arm(plan: Plan, cohort: str, arm: str) -> Failure | None:
    status = _status(plan, cohort, arm)
    if not status.startswith(FAILED):
        return None
    trained = f"results/{plan.study}/pretraining/{cohort}/{arm}"
    training = _read(Path(f"{trained}.json")).get("pretraining", {})
    in_training = arm in plan.pretrained_arms and str(training.get("status", "")).startswith(FAILED)
    again = f"{trained}.safetensors" if in_training else f"results/{plan.study}/features/{cohort}/{arm}.npz"
    return Failure(f"arm {spoken(arm)} on {cohort}", status[len(FAILED) :], again, SKIPPED in status)


def _failed_method(plan: Plan, cohort: str, arm: str, classifier: str) -> Failure | None:
    stem = f"results/{plan.study}/predictions/{cohort}/{arm}.{classifier}"
    status = failed_status(_read(Path(f"{stem}.json")))
    what = f"classifier {classifier} of arm {spoken(arm)} on {cohort}"
    return Failure(what, status[len(FAILED) :], f"{stem}.csv") if status else None


def _failed_external(plan: Plan) -> Iterator[Failure]:
    """Return what failed of tests on other cohorts, where it is not for a reason that has a line of its own."""
    root = f"results/{plan.study}"
    for cohort, other in plan.external_keys:
        path = f"{root}/cohorts/{cohort}/external.{other}.json"
        yield from _own_failure(f"test of {cohort} on {other}", path, path)
    for cohort, arm, other in plan.external_arm_keys:
        stem = plan.external_stem(cohort, arm, other)
        if _status(plan, cohort, arm).startswith(FAILED) or _gate_failed(plan, cohort, other):
            continue
        yield from _own_failure(f"arm {spoken(arm)} of {cohort} on {other}", f"{stem}.json", f"{stem}.npz")
    for cohort, other, arm, classifier in plan.external_method_keys:
        stem = f"{root}/predictions/{cohort}/{arm}.{classifier}.on.{other}"
        what = f"classifier {classifier} of arm {spoken(arm)} of {cohort} on {other}"
        yield from _own_failure(what, f"{stem}.json", f"{stem}.csv")


def _own_failure(what: str, facts: str, again: str) -> Iterator[Failure]:
    found = _read(Path(facts))
    status = failed_status(found)
    if status and not found.get("left_out"):
        yield Failure(what, status[len(FAILED) :], again)


def _gate_failed(plan: Plan, cohort: str, other: str) -> bool:
    return bool(failed_status(_read(Path(f"results/{plan.study}/cohorts/{cohort}/external.{other}.json"))))


def _failed_fractions(plan: Plan, cohort: str, arm: str, classifier: str) -> Iterator[Failure]:
    stem = f"results/{plan.study}/fractions/{cohort}/{arm}.{classifier}"
    for own in _read(Path(f"{stem}.json")).get("fractions", []):
        status = failed_status(own)
        if status:
            what = f"classifier {classifier} of arm {arm} on {cohort} with {own.get('fraction', 0):g} of the labels"
            yield Failure(what, status[len(FAILED) :], f"{stem}.csv")


def _status(plan: Plan, cohort: str, arm: str) -> str:
    return str(_read(Path(f"results/{plan.study}/features/{cohort}/{arm}.json")).get("status", ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
