"""Hand-made features: what networks have to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sixgig.arms.base import Computed, PlainArm
from sixgig.arms.handcrafted.descriptors import chosen, describe_rows, lengths
from sixgig.arms.parallel import in_processes
from sixgig.arms.plain_job import PlainJob
from sixgig.errors import ConfigError

#: Images that are described at once.
_BLOCK = 64
#: Side of the smallest cell of hog in pixels.
_SMALLEST_CELL = 2


class Handcrafted(PlainArm):
    """Histogram, first-order statistics, local binary patterns, oriented gradients of each image."""

    name = "handcrafted"

    @classmethod
    def check(cls, config: Mapping[str, Any], name: str) -> None:
        """Refuse cells of hog that are too small.

        Raises:
            ConfigError: They are.
        """
        options, size = config["arms"][name], int(config["image"]["size"])
        cells = int(options["cells"])
        if "hog" in chosen(options) and size // cells < _SMALLEST_CELL:
            raise ConfigError(
                f"config key arms.{name}.cells",
                f"{cells} cells along {size} pixels are smaller than {_SMALLEST_CELL} pixels each",
                f"ask for at most {size // _SMALLEST_CELL}, or larger images",
            )

    def compute(self, job: PlainJob) -> Computed:
        """Describe every image."""
        images = np.load(job.images, mmap_mode="r")
        blocks = [(start, min(start + _BLOCK, len(images))) for start in range(0, len(images), _BLOCK)]
        channels = 1 if all(_is_grey(images[start:stop]) for start, stop in blocks) else 3
        calls = [(job.images, start, stop, channels, dict(job.options)) for start, stop in blocks]
        with job.progress(len(images)) as progress:
            rows = []
            for (start, stop), found in zip(blocks, in_processes(describe_rows, calls, job.threads), strict=True):
                rows.append(found)
                progress.advance(stop - start)
        black = sum(int((~images[start:stop].any(axis=(1, 2, 3))).sum()) for start, stop in blocks)
        names = chosen(job.options)
        facts = {"descriptors": lengths(job.options), "channels": channels, "foreground": job.options["foreground"]}
        return Computed(
            np.concatenate(rows),
            {"backbone": f"{self.name}: {', '.join(names)}", "handmade": facts | {"images_without_foreground": black}},
        )


def _is_grey(images: np.ndarray) -> bool:
    """Whether the three channels of images [n, H, W, 3] are the same."""
    return bool((images == images[..., :1]).all())


ARM = Handcrafted
