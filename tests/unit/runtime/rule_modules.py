"""Lists the modules behind each rule: `python -m tests.unit.runtime.rule_modules` writes the list anew.

A rule whose modules depend on an arm, a classifier, an adapter or a converter has one entry for each of them.
"""

from pathlib import Path

import yaml

from sixgig.arms.base import FeatureArm, PlainArm, PretrainedArm
from sixgig.arms.registry import arm_names, get_arm
from sixgig.classifiers.registry import alone, classifier_module, classifier_names, takes_bags
from sixgig.cohorts.registry import adapter_names, load_adapter
from sixgig.figures.catalogue import KINDS, module_of
from sixgig.reporting import exports
from sixgig.runtime.provenance import PACKAGE, this_source
from sixgig.weights.entries import CONVERTERS

FILE = Path(__file__).with_name("rule_modules.yaml")
SCRIPTS = PACKAGE.parent / "scripts"
_ENVIRONMENT_CHECK = ("check_environment", None, ("sixgig.contrastive.__main__",))


def entries():
    """Yield the name of an entry, the script of its rule (None for a command), and the modules that no import shows."""
    by_kind = {
        "prepare_cohort": {name: (load_adapter(name).__module__,) for name in adapter_names()},
        "prepare_shard": {name: (load_adapter(name).__module__,) for name in adapter_names()},
        "build_weights": {name: (module,) for name, module in CONVERTERS.items()},
        "classify_subjects": {},
        "classify_bags": {},
        "classify_bag_fractions": {},
        "classify_fractions": {},
        "predict_majority": {},
        "pretrain_arm": {},
        "encode_images": {},
        "encode_shard": {},
        "code_features": {},
        "compute_features": {},
        "encode_external": {},
        "code_external": {},
        "classify_external": {},
    }
    for name in classifier_names():
        of_vectors = ("predict_majority",) if alone(name) else ("classify_subjects", "classify_fractions")
        for rule in ("classify_bags", "classify_bag_fractions") if takes_bags(name) else of_vectors:
            by_kind[rule][name] = (classifier_module(name),)
        if not takes_bags(name):
            by_kind["classify_external"][name] = (classifier_module(name),)
    for name in arm_names():
        arm = get_arm(name)
        rule = "code_features" if issubclass(arm, FeatureArm) else "encode_images"
        rule = "compute_features" if issubclass(arm, PlainArm) else rule
        by_kind[rule][name] = (arm.__module__,)
        if rule == "encode_images":
            by_kind["encode_shard"][name] = (arm.__module__,)
        if rule == "code_features":
            by_kind["code_external"][name] = (arm.__module__,)
        if issubclass(arm, PretrainedArm):
            by_kind["encode_external"][name] = (arm.__module__,)
            by_kind["pretrain_arm"][name] = (arm.__module__, *arm.process_modules)
    drawn = {
        over: tuple(module_of(kind) for kind in KINDS.values() if kind.over_cohorts == over) for over in (True, False)
    }
    found_by_name = {
        "draw_figures": drawn[False],
        "draw_comparisons": drawn[True],
        "write_report": (*drawn[False], *drawn[True]),
        "export_tables": tuple(exports.MODULES),
    }
    for path in sorted(SCRIPTS.glob("*.py")):
        if path.stem not in by_kind:
            yield path.stem, path.stem, found_by_name.get(path.stem, ())
        for name, further in by_kind.get(path.stem, {}).items():
            yield f"{path.stem} {name}", path.stem, further
    yield _ENVIRONMENT_CHECK


def modules():
    """Return the modules of every entry, without the package's name."""
    source = this_source()
    return {
        name: [module.removeprefix("sixgig.") for module in source.modules(script, *further)]
        for name, script, further in entries()
    }


if __name__ == "__main__":
    FILE.write_text(yaml.safe_dump(modules(), sort_keys=True, default_flow_style=None, width=110))
