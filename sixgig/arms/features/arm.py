"""The user's own features, from any other tool."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sixgig.arms.base import Computed, PlainArm
from sixgig.arms.features.columns import choose, constant, leaks
from sixgig.arms.features.joining import join
from sixgig.arms.features.reading import SUFFIXES, read, read_header
from sixgig.arms.plain_job import PlainJob
from sixgig.cohorts.checks import did_you_mean
from sixgig.cohorts.pseudonyms import Pseudonyms
from sixgig.errors import ArmError, ConfigError
from sixgig.runtime.digests import file_sha256
from sixgig.runtime.paths import user_path
from sixgig.runtime.progress import tell
from sixgig.tables.cohorts import PSEUDONYMS
from sixgig.tables.levels import labels_of

_LOG = logging.getLogger(__name__)
#: Names that the sidecar lists of columns or rows.
_LISTED = 20


class OwnFeatures(PlainArm):
    """Joins a table of features to the cohort's subjects or images."""

    name = "features"

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str) -> None:
        """Refuse cohorts without a file, files without a cohort, and kinds of files that are not known.

        Raises:
            ConfigError: There is one.
        """
        files, cohorts, key = config["arms"][name]["files"], config["cohorts"], f"arms.{name}"
        for cohort in files:
            if cohort not in cohorts:
                step = f"{did_you_mean(cohort, list(cohorts))}the cohorts are {', '.join(cohorts)}"
                raise ConfigError(f"config key {key}.files.{cohort}", "is no cohort of this study", step)
        lacking = [cohort for cohort in cohorts if cohort not in files]
        if lacking:
            reason = f"names no file for {', '.join(lacking)}"
            raise ConfigError(f"config key {key}.files", reason, "name one for every cohort, or remove the cohort")
        for cohort, entry in files.items():
            place = f"config key {key}.files.{cohort}"
            if Path(entry["path"]).suffix.lower() not in SUFFIXES:
                reason = f"{entry['path']} is none of {', '.join(SUFFIXES)}"
                raise ConfigError(f"{place}.path", reason, "save the features as one of these")
            if entry["of"] == "subject" and labels_of(cohorts[cohort]) == "image":
                reason = "is subject, and each image of this cohort has a class of its own"
                raise ConfigError(f"{place}.of", reason, "give features of images, with `of: image`")

    @classmethod
    def options_for(cls, options: Mapping[str, Any], cohort: str, cohort_options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the stanza with the file of one cohort alone."""
        return {**options, "files": {cohort: options["files"][cohort]}}

    @classmethod
    def files_of(cls, options: Mapping[str, Any]) -> list[str]:
        """Return the cohort's file."""
        return [str(entry["path"]) for entry in options["files"].values()]

    @classmethod
    def has_image_features(cls, options: Mapping[str, Any]) -> bool:
        """Whether the rows are images."""
        return all(entry["of"] == "image" for entry in options["files"].values())

    @classmethod
    def check_files(cls, options: Mapping[str, Any], key: str, sha256: Any) -> None:
        """Check sha256, ids and columns of the files.

        Raises:
            ConfigError: Something is wrong with one.
            SixgigError: It cannot be read; the place is the file.
        """
        for name, entry in options["files"].items():
            place, path = f"{key}.files.{name}", user_path(entry["path"])
            if "sha256" in entry:
                _require_pinned(path, sha256(path), entry["sha256"], f"config key {place}.sha256")
            column = id_column(entry)
            header = read_header(path, column)
            choose([known for known in header if known and known != column], entry.get("columns"), place)

    def compute(self, job: PlainJob) -> Computed:
        """Read the cohort's file and put its rows into the cohort's order."""
        ((_, entry),) = job.options["files"].items()
        (path,), place = job.files, f"arms.{job.arm}.files.{job.cohort}"
        found_sha = file_sha256(path)
        if "sha256" in entry:
            _require_pinned(path, found_sha, entry["sha256"], f"{place}.sha256")
        table, unit = job.table(), str(entry["of"])
        rows = read(path, id_column(entry), partial(choose, wanted=entry.get("columns"), key=place))
        one_each = table if unit == "image" else table.drop_duplicates("subject_id")
        wanted = one_each["image_id" if unit == "image" else "subject_id"].astype(str).tolist()
        rename, names = _pseudonyms(job, unit)
        order, extra = join(path, rows.ids, rows.places, wanted, unit, rename, names)
        if extra and job.options["extra"] == "refuse":
            reason = f"{len(extra)} of its {len(rows.ids)} rows are of no {unit} of the cohort, the first is "
            step = "remove these rows, or set `extra: tell`"
            raise ArmError(path, reason + rows.places[extra[0]], step)
        values = rows.values[order]
        labels = [None if label != label or label is None else str(label) for label in one_each["label"]]
        leaking, same = leaks(values, labels, rows.columns), constant(values, rows.columns)
        facts = {
            "file": path.name, "sha256": found_sha, "of": unit, "id": id_column(entry), "rows": len(rows.ids),
            "used_rows": len(order), "extra_rows": len(extra), "columns": len(rows.columns),
            "first_columns": rows.columns[:_LISTED], "columns_left_out": len(rows.header) - 1 - len(rows.columns),
            "constant_columns": len(same), "first_constant_columns": same[:_LISTED], "label_columns": leaking,
            "produced_by": job.options["produced_by"], "learned_from": job.options["learned_from"],
        }  # fmt: skip
        _say(job, facts)
        return Computed(
            values,
            {"backbone": f"{self.name}: {path.name}", "own_features": facts},
            of_subjects=one_each["subject_id"].to_numpy(dtype=str) if unit == "subject" else None,
        )

    @classmethod
    def reads_key_table(cls, options: Mapping[str, Any]) -> bool:
        """It does, for the ids of a cohort with pseudonyms."""
        return True


def id_column(entry: Mapping[str, Any]) -> str:
    """Return the column of the ids of a file's stanza."""
    return str(entry.get("id") or f"{entry['of']}_id")


def _require_pinned(path: Path, found: str, wanted: str, place: str) -> None:
    if found != wanted.lower():
        raise ConfigError(
            place,
            f"{path.name} has sha256 {found}, and the study file pins {wanted}",
            "get the right file; or, if you trust this one, write its sha256 here",
        )


def _pseudonyms(job: PlainJob, unit: str) -> tuple[Any, dict[str, str] | None]:
    """Return what gives a subject's pseudonym, and the names behind pseudonyms; nothing where there are none."""
    if job.key_table is None:
        return None, None
    if unit == "image":  # their names were made anew: the table has to have those of manifest.csv
        return str, {}
    known = PSEUDONYMS.read(job.key_table)
    known = known[known["kind"] == "subject"]
    names = dict(zip(known["pseudonym"].astype(str), known["name"].astype(str), strict=True))
    return Pseudonyms(job.key_table).subject, names


def _say(job: PlainJob, facts: Mapping[str, Any]) -> None:
    """Tell in the log what the file holds beside features of the cohort; on the terminal, what may be the label."""
    _LOG.info("%s: %d rows, %d columns", facts["file"], facts["rows"], facts["columns"])
    if facts["extra_rows"]:
        _LOG.warning("%d rows are of no %s of the cohort", facts["extra_rows"], facts["of"])
    if facts["constant_columns"]:
        _LOG.warning("%d columns are constant: %s", facts["constant_columns"], facts["first_constant_columns"])
    if facts["label_columns"]:
        text = f"the class says the value of {', '.join(facts['label_columns'][:3])}: is it the label itself?"
        _LOG.warning("LABEL LEAK? %s", text)
        tell(f"[sixgig] WARNING {job.arm} on {job.cohort}: {text}")


ARM = OwnFeatures
