"""Turn the files of a cohort into a manifest, images and volumes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.cohorts.outcome import prepare_or_fail
from sixgig.cohorts.shards import Shard
from sixgig.runtime.jobs import job


def main(
    source: Path,
    folder: Path,
    options: Mapping[str, Any],
    simulated: bool,
    image: Mapping[str, Any],
    max_fraction: float,
    seed: int,
    workers: int,
    checkpoints: Path,
    failed_list: Path,
    digest: str,
    inventory: Path,
    key_table: Path | None,
    n_cohorts: int,
    shards: list[Shard],
) -> None:
    """Turn the files of a cohort into a manifest, images and volumes."""
    prepare_or_fail(
        source, folder, options, image_size=image["size"], n_cohorts=n_cohorts,
        image_filter=image["filter"], image_crop=image.get("crop"),
        seed=seed, max_quarantine_fraction=max_fraction, simulated=simulated, workers=workers, digest=digest,
        checkpoints=checkpoints, failed_list=failed_list, inventory=inventory, key_table=key_table, shards=shards,
    )  # fmt: skip


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0], snakemake.resources.attempt, [Path(snakemake.log.quarantine)]):
        main(
            source=Path(snakemake.input.source),
            folder=Path(snakemake.output.manifest).parent,
            options=snakemake.params.options,
            simulated=snakemake.params.simulated,
            image=snakemake.params.image,
            max_fraction=snakemake.params.max_fraction,
            seed=snakemake.params.seed,
            workers=snakemake.threads,
            checkpoints=Path(snakemake.params.checkpoints),
            failed_list=Path(snakemake.log.quarantine),
            digest=snakemake.params.digest,
            inventory=Path(snakemake.params.inventory),
            key_table=Path(snakemake.params.key_table) if snakemake.params.key_table else None,
            n_cohorts=snakemake.resources.cohorts,
            shards=[Shard(*map(Path, files)) for files in zip(*map(snakemake.input.get, Shard._fields), strict=True)],
        )
