"""Versions that a study ran with, and those that are here."""

from __future__ import annotations

from collections.abc import Iterator

from sixgig.results.study import Study
from sixgig.runtime.environment import source_commit
from sixgig.runtime.versions import study_versions
from sixgig.verification.findings import NOTE, OK, Finding
from sixgig.version import __version__


def check_versions(study: Study) -> Iterator[Finding]:
    """Compare versions of sixgig and of packages; another version is no fault of the study, but may explain one."""
    here = {"sixgig": __version__, **study_versions()}
    recorded = {"sixgig": str(study.info.get("sixgig")), **(study.info.get("versions") or {})}
    different = [name for name in here if str(recorded.get(name)) != here[name]]
    for name in different:
        text = f"{name} {recorded.get(name) or 'of an unknown version'} was used, {here[name]} is here"
        yield Finding("versions", NOTE, text, "study.json")
    if not different:
        yield Finding("versions", OK, f"sixgig and {len(here) - 1} packages are those that the study ran with")
    commit = (study.info.get("source") or {}).get("commit")
    now = source_commit().get("commit")
    if commit and now and commit != now:
        text = f"the study was written by commit {commit[:12]}, and {now[:12]} is here"
        yield Finding("versions", NOTE, text, "study.json")
