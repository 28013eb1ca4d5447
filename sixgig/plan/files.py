"""Whether the files are there that a study names, and are what its adapters read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts.registry import check_source, load_adapter
from sixgig.errors import ConfigError
from sixgig.plan.paths import closed_problem, named_paths, path_problem
from sixgig.plan.schema import study_schema
from sixgig.plan.study_file import Study
from sixgig.runtime.paths import user_path


def check_files(config: Mapping[str, Any], study: Study) -> None:
    """Check the options of every cohort, and that the files are there which a study names.

    Args:
        config: The study, with defaults.
        study: The files that it was read from, for the lines in messages.

    Raises:
        ConfigError: An option does not fit its adapter; or something is not there, or not what the adapter reads.
    """
    from sixgig.cohorts.options import read_options

    problems: dict[str, tuple[str, str]] = {}
    schema = study_schema(config)
    for key, text in named_paths(config, schema, schema):
        problem = path_problem(text, study.folder)
        if problem is not None:
            problems[key] = problem
    for name, cohort in config["cohorts"].items():
        read_options(cohort["adapter"], name, cohort, config["image"]["size"])
        source = cohort["source"]
        for key, path in (("path", source.get("path")), ("recipe.folder", source.get("recipe", {}).get("folder"))):
            place = f"cohorts.{name}.source.{key}"
            if not path or place in problems:
                continue
            try:
                lacking = check_source(cohort, user_path(path))
            except PermissionError as error:
                problems[place] = closed_problem(Path(error.filename or user_path(path)))
                continue
            if lacking:
                layout = load_adapter(cohort["adapter"]).layout
                problems[place] = "; ".join(lacking), f"the path has to be {layout}"
    if len(problems) == 1:
        ((place, (reason, step)),) = problems.items()
        raise ConfigError(f"config key {place}", reason, step)
    if problems:
        listed = [f"{study.where(place)}: {reason}; {step}" for place, (reason, step) in problems.items()]
        raise ConfigError(
            f"study {config['study']}",
            "\n    ".join(["needs files that are not there:", *listed]),
            "correct these keys of the study file, or put the files there",
        )
