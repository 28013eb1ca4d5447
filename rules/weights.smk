"""From pinned files to weights under timm's names: results/<study>/weights/<name>.safetensors."""


wildcard_constraints:
    weights="|".join(PLAN.config["weights"]),


rule build_weights:
    """Fetch pretrained weights, check their sha256 and convert them."""
    output:
        weights=ensure("results/{study}/weights/{weights}.safetensors", non_empty=True),
        facts=ensure("results/{study}/weights/{weights}.json", non_empty=True),
    log:
        "results/{study}/logs/build_weights/{weights}.log",
    benchmark:
        "results/{study}/benchmarks/build_weights/{weights}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        mem_mb=growing(lambda wildcards: PLAN.weights_memory(wildcards.weights)),
        runtime=minutes,
    params:
        spec=lambda wildcards: PLAN.config["weights"][wildcards.weights],
        image_size=PLAN.config["image"]["size"],
        digest=lambda wildcards: code_digest("build_weights", PLAN.converter_module(wildcards.weights)),
    script:
        "../scripts/build_weights.py"
