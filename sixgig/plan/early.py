"""What can be found wrong before a job runs: places, the card, weights, and the cohorts whose files are there already.

Every check asks the function that the job itself would ask; what cannot be known yet is left to the job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixgig.cohorts.csv_rows import MissingColumnError
from sixgig.errors import CohortError, ConfigError, GpuError, SixgigError, WeightsError
from sixgig.plan.asking import answer
from sixgig.plan.bags import check_bag_sizes, check_concat
from sixgig.plan.external import check_external_classes
from sixgig.plan.failures import failed_cohort
from sixgig.plan.networks import check_networks, look_at_networks
from sixgig.plan.places import check_places
from sixgig.plan.questions import model_question
from sixgig.runtime.atomic import read_json
from sixgig.runtime.paths import user_path

if TYPE_CHECKING:
    from sixgig.cohorts.base import Discovery, Record
    from sixgig.plan.inputs import CohortInput
    from sixgig.plan.plan import Plan
    from sixgig.plan.study_file import Study

#: Files of a cohort that are opened one by one for planning, where an adapter has to open them to find subjects.
MOST_OPENED = 1000


def check_early(plan: Plan, study: Study, jobs_here: bool) -> None:
    """Look at what the jobs will need.

    Args:
        plan: The plan.
        study: The study, for the lines of values in messages.
        jobs_here: Whether jobs run on this machine.

    Raises:
        SixgigError: A job would fail; the place is a key of the study.
    """
    check_places(plan.study, plan.targets("report") + plan.targets("statistics") + plan.targets("classify"))
    # With conda the jobs have an environment of their own, and this one may lack what they have: they will say it then.
    if plan.config["device"] == "cuda" and jobs_here:
        with suppress(ModuleNotFoundError):
            check_card()
    if jobs_here:
        check_processor(plan.config)
    with suppress(ModuleNotFoundError):
        look_at_networks(plan.config)
        check_weights(plan.config["weights"])
        check_networks(plan.config)
    check_own_files(plan)
    classes: dict[str, set[str]] = {}
    for name in plan.cohorts:
        if failed_cohort(plan, name) is not None:  # an outcome, which is named: it does not stop the others
            continue
        with suppress(ModuleNotFoundError):
            classes[name] = check_cohort(plan, study, name)
    if plan.external_keys:
        check_external_classes(plan.config, {name: found for name, found in classes.items() if found})


def check_card() -> None:
    """Refuse ``device: cuda`` on a machine without a card.

    The driver answers at once, and torch after seconds: it is asked only where CUDA's library is there and its
    management library shows no card, as on some small boards.

    Raises:
        GpuError: There is no driver, no card that torch can use, or all cards are hidden.
    """
    from sixgig.gpu.card import first_card, has_driver
    from sixgig.gpu.device import no_gpu, require_gpu

    place = "config key device"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    if not hidden and first_card() is not None:
        return
    try:
        if hidden or not has_driver():
            raise no_gpu(place, "this machine has")
        require_gpu(place)
    except GpuError as error:
        reason = "CUDA_VISIBLE_DEVICES hides every card" if hidden else error.reason
        raise GpuError(error.place, f"is cuda, and {reason}", error.next_step) from None


def check_processor(config: Mapping[str, Any]) -> None:
    """Refuse an arm that shall compute in bfloat16 on a processor without units for it.

    Raises:
        GpuError: There is no card to be used either.
    """
    from sixgig.gpu.card import first_card
    from sixgig.gpu.processor import require_bfloat16

    asking = [name for name, options in config["arms"].items() if options.get("precision") == "bfloat16"]
    if asking and (config["device"] == "cpu" or (config["device"] == "auto" and first_card() is None)):
        require_bfloat16(f"config key arms.{asking[0]}.precision")


def check_weights(weights: Mapping[str, Any]) -> None:
    """Check that timm has the networks, and that files are those that are pinned."""
    from sixgig.runtime.known_digests import KnownDigests
    from sixgig.weights.obtaining import require_pinned
    from sixgig.weights.shards import is_index, require_shards, shards_of

    digests = KnownDigests()
    for name, entry in weights.items():
        key = f"weights.{name}"
        answer(model_question(entry["model"], f"config key {key}.model", entry.get("options")))
        file = entry["source"].get("file")
        if file is None:
            continue
        path = user_path(file["path"])
        try:
            found = digests.sha256(path)
        except OSError as error:
            step = "correct its permissions, or name another file"
            raise ConfigError(f"config key {key}.source.file.path", f"{path} cannot be read: {error}", step) from None
        try:
            require_pinned(path, found, file, key)
            if is_index(path.name):
                found_shards = {
                    name: digests.sha256(path.with_name(name)) for name in shards_of(path.read_bytes(), str(path))
                }
                require_shards(found_shards, file.get("shards"), f"config key {key}.source.file", must=True)
        except OSError as error:
            step = "put this shard beside the index, which `path` names"
            raise ConfigError(f"config key {key}.source.file.path", f"{error.filename} cannot be read", step) from None
        except WeightsError as error:
            if error.place.startswith("config key"):
                raise
            place = f"config key {key}.source.file.sha256"
            raise WeightsError(place, f"{error.place} {error.reason}", error.next_step) from None
    digests.save()


def check_own_files(plan: Plan) -> None:
    """Look at the files of the user's that arms without a network read.

    Raises:
        SixgigError: One is not what the study file says; the place is its key.
    """
    from sixgig.runtime.known_digests import KnownDigests

    digests = KnownDigests()
    for name in plan.plain_arms:
        plan.check_own_files(name, digests.sha256)
    digests.save()


def check_cohort(plan: Plan, study: Study, name: str) -> set[str]:
    """Find the subjects of a cohort, check that the study can be done with them, and return their classes.

    There are none when the cohort's files are not there yet.
    """
    from sixgig.cohorts.choosing import choose_subjects
    from sixgig.cohorts.names import check_names, distinct_items

    section = f"cohorts.{name}"
    files, stanza, config = plan.inputs[name], plan.cohort_options(name), plan.config
    if files.own_folder is None and not _is_obtained(plan, name):
        phantom = stanza["source"].get("phantom")
        found = None if phantom is None else _simulated(phantom)
    else:
        found = _discover(files, study, section)
    if found is None:
        return set()
    _check_losses(found, name, config["quarantine"]["max_fraction"])
    distinct = distinct_items(found.records)
    check_names(distinct, f"config key {section}.source")
    records = choose_subjects(distinct, stanza, stanza.get("limit"), plan.seed, section)
    if plan.shards(name) > len(records):
        reason = f"is {plan.shards(name)}, and the cohort has {len(records)} subjects"
        raise ConfigError(f"config key {section}.shards", reason, f"write {len(records)} at most; 1 for one job")
    deep = files.adapter.dimensions == 3
    check_bag_sizes(config, records, name, deep, {arm: bool(plan.volumes_file(name, arm)) for arm in plan.arms})
    concat = {arm: plan.encodes_volumes(name, arm) for arm in plan.arms if plan.concatenates(arm)}
    check_concat(concat, records, stanza, name, deep)
    _check_splits(plan, records, name, stanza)
    _check_groups(plan, [record.subject_id for record in records], name, stanza)
    return {label for record in records for label in record.labels if label is not None}


def _check_groups(plan: Plan, subjects: list[str], name: str, stanza: Mapping[str, Any]) -> None:
    """Check the groups of a phantom, or of a table of the user's; other cohorts say theirs when they are prepared."""
    from sixgig.cohorts.groups import group_subjects, said_before

    simulated = plan.draws_groups(name)
    if said_before(stanza, simulated) and not plan.key_table(name):
        place = f"config key cohorts.{name}.groups"
        group_subjects(subjects, stanza, plan.inputs[name].adapter, Path(), simulated=simulated, key=place)


def _simulated(phantom: Mapping[str, Any]) -> Discovery:
    """Return the subjects that a simulated cohort will have."""
    from sixgig.cohorts.base import Discovery, Item, Record
    from sixgig.phantoms.subjects import phantom_subjects

    records = []
    for name, label, frames in phantom_subjects(phantom):
        items = tuple(Item(f"{name}_{frame}" if frame else name, {}, frame) for frame in frames)
        records.append(Record(Path(), name, label, items))
    return Discovery(records, [])


def _is_obtained(plan: Plan, name: str) -> bool:
    """Whether what was fetched or written for a cohort is what its stanza asks for today."""
    from sixgig.sources.obtain import is_obtained

    try:
        recorded = read_json(Path(f"results/{plan.study}/cohorts/{name}/source.json"))
    except (OSError, ValueError):
        return False
    return isinstance(recorded, dict) and is_obtained(plan.cohort_options(name)["source"], recorded)


def _discover(files: CohortInput, study: Study, section: str) -> Discovery | None:
    """Return what a cohort holds; None when its files are not there yet, or are too many to be opened for planning."""
    from sixgig.cohorts.inventory import discover

    try:
        stock = files.stock
        if stock is None:
            return None
        if files.adapter.opens_files and len(stock.files) > MOST_OPENED:
            return None
        return discover(files.adapter, stock)
    except MissingColumnError as error:
        place = study.where_value(section, error.column) or f"config key {section}"
        raise CohortError(place, f"{error.place} {error.reason}", error.next_step) from None
    except CohortError as error:
        if error.place.startswith(f"{section}."):
            raise
        raise CohortError(f"config key {section}", f"{error.place} {error.reason}", error.next_step) from None


def _check_losses(found: Discovery, name: str, max_fraction: float) -> None:
    """Refuse a cohort of which too much is left out before an image is read."""
    from sixgig.cohorts.choosing import lost_subjects, too_many_lost

    known = {record.subject_id for record in found.records}
    n_lost = len(lost_subjects(found.rejections, known))
    n_found = len(found.records) + n_lost
    place = f"config key cohorts.{name}.source"
    if not n_found:
        raise CohortError(place, "holds no subjects", "correct the path")
    if n_lost > max_fraction * n_found:
        error = too_many_lost(place, name, found.rejections, n_lost, n_found, max_fraction)
        step = "correct these files, or the keys of the cohort that they are found by; or raise quarantine.max_fraction"
        if any("does not exist" in rejection.reason for rejection in found.rejections):
            step += ". Relative paths in a table start in the folder of the table"
        raise CohortError(place, error.reason, step)


def _check_splits(plan: Plan, records: list[Record], name: str, stanza: Mapping[str, Any]) -> None:
    """Check classes and folds, or the splits that the user gives."""
    from sixgig.cohorts.checks import check_classes
    from sixgig.evaluation.checks import check_folds, check_given_splits

    check_classes(records, stanza, f"cohorts.{name}")
    if plan.group_by(name):  # folds are sites, which are read when the cohort is split
        return
    evaluation = plan.config["evaluation"] | {"pretraining_fraction": plan.pretraining_fraction}
    given = plan.splits_file(name)
    if not given:
        check_folds(records, evaluation, stanza, name, plan.seed)
        return
    if plan.key_table(name):  # the file may name subjects by their pseudonyms, which are made when it is prepared
        return
    try:
        check_given_splits(records, Path(given[0]), evaluation, stanza, name, plan.seed)
    except ConfigError:
        raise
    except SixgigError as error:
        place = f"config key cohorts.{name}.splits_file"
        raise type(error)(place, f"{error.place}: {error.reason}", error.next_step) from None
