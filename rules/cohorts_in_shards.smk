"""The preparation of a cohort by several jobs side by side, where the study file asks for `shards`."""

if PLAN.sharded_cohorts:

    rule prepare_shard:
        """Prepare some subjects of a cohort; `prepare_cohort` gathers them.

        What a shard leaves lies with the checkpoints: it is no result, and it names subjects. It is removed when the
        cohort is prepared.
        """
        input:
            source="results/{study}/cohorts/{cohort}/source.json",
        output:
            lines=temp("results/{study}/.checkpoints/shards/{cohort}/prepared.{shard}.jsonl"),
            images=ensure(
                temp("results/{study}/.checkpoints/shards/{cohort}/prepared.{shard}.images.npy"), non_empty=True
            ),
            volumes=ensure(
                temp("results/{study}/.checkpoints/shards/{cohort}/prepared.{shard}.volumes.npy"), non_empty=True
            ),
            facts=ensure(temp("results/{study}/.checkpoints/shards/{cohort}/prepared.{shard}.json"), non_empty=True),
        log:
            "results/{study}/logs/prepare_shard/{cohort}.{shard}.log",
        benchmark:
            "results/{study}/benchmarks/prepare_shard/{cohort}.{shard}.tsv"
        wildcard_constraints:
            cohort="|".join(PLAN.sharded_cohorts),
            shard="[0-9]+",
        retries: RETRIES
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            mem_mb=growing(2000),
            runtime=minutes,
            attempt=attempt,
        params:
            options=lambda wildcards: PLAN.preparation_options(wildcards.cohort),
            of=lambda wildcards: PLAN.shards(wildcards.cohort),
            image=PLAN.config["image"],
            seed=PLAN.seed,
            state=lambda wildcards: PLAN.inputs[wildcards.cohort].state,
            attempt=lambda wildcards: PLAN.inputs[wildcards.cohort].attempt,
            checkpoints="results/{study}/.checkpoints",
            digest=lambda wildcards: code_digest("prepare_shard", PLAN.adapter_module(wildcards.cohort)),
        script:
            "../scripts/prepare_shard.py"
