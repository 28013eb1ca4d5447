"""Fetch pretrained weights, check their sha256 and convert them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sixgig.runtime.jobs import job
from sixgig.weights.build import build_weights


def main(
    name: str,
    spec: Mapping[str, Any],
    output: Path,
    downloads: Path,
    image_size: int,
) -> None:
    """Fetch pretrained weights, check their sha256 and convert them."""
    build_weights(name, spec, output, downloads, image_size)


if __name__ == "__main__":
    snakemake: Any  # Snakemake defines it in the script it runs

    with job(snakemake.log[0]):
        main(
            name=snakemake.wildcards.weights,
            spec=snakemake.params.spec,
            output=Path(snakemake.output.weights),
            downloads=Path("results/downloads"),
            image_size=snakemake.params.image_size,
        )
