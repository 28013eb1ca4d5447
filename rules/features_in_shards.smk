"""The encoding of a cohort by several jobs side by side, where the study file asks for `shards`."""

if PLAN.sharded_cohorts and PLAN.image_arms:

    rule encode_shard:
        """Run some images of a cohort through an arm's network; `encode_images` gathers their features."""
        input:
            images="results/{study}/cohorts/{cohort}/images.npy",
            volumes=lambda wildcards: PLAN.volumes_file(wildcards.cohort, wildcards.arm),
            manifest="results/{study}/cohorts/{cohort}/manifest.csv",
            gate="results/{study}/cohorts/{cohort}/leakage.json",
            training_gate=lambda wildcards: PLAN.training_gate(wildcards.cohort, wildcards.arm),
            weights=lambda wildcards: PLAN.encoder_file(wildcards.cohort, wildcards.arm),
            provenance=lambda wildcards: PLAN.provenance_file(PLAN.encoder_file(wildcards.cohort, wildcards.arm)),
        output:
            rows=ensure(temp("results/{study}/.checkpoints/shards/{cohort}/{arm}.{shard}.npy"), non_empty=True),
            facts=ensure(temp("results/{study}/.checkpoints/shards/{cohort}/{arm}.{shard}.json"), non_empty=True),
        log:
            "results/{study}/logs/encode_shard/{cohort}.{arm}.{shard}.log",
        benchmark:
            "results/{study}/benchmarks/encode_shard/{cohort}.{arm}.{shard}.tsv"
        wildcard_constraints:
            cohort="|".join(PLAN.sharded_cohorts),
            arm="|".join(PLAN.image_arms),
            shard="[0-9]+",
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            gpu=card,
            mem_mb=growing(2500),
            runtime=minutes,
            attempt=attempt,
        params:
            kind=lambda wildcards: PLAN.arm_kind(wildcards.arm),
            random_weights=lambda wildcards: PLAN.is_random(wildcards.arm),
            options=lambda wildcards: PLAN.arm_options(wildcards.arm, wildcards.cohort),
            of=lambda wildcards: PLAN.shards(wildcards.cohort),
            image=PLAN.config["image"],
            device=PLAN.config["device"],
            memory_limit_mb=PLAN.config["gpu"]["memory_limit_mb"],
            seed=lambda wildcards: PLAN.seed_for(wildcards.arm),
            checkpoints="results/{study}/.checkpoints",
            labels_of=lambda wildcards: PLAN.labels_of(wildcards.cohort),
            digest=lambda wildcards: code_digest("encode_shard", PLAN.arm_module(wildcards.arm)),
        script:
            "../scripts/encode_shard.py"
