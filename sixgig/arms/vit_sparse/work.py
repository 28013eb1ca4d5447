"""What learning a dictionary and coding with it takes, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixgig.arms.vit_sparse.atoms import DRAWS, number_of_atoms

#: Seconds on a core of the reference machine: of an image in a pass of learning, per atom; of coding, per image, atom
#: and non-zero.
_LEARN, _CODE = 5.0e-7, 1.5e-8
#: Making machine code of the loops, when none is kept, in seconds.
COMPILE_SECONDS = 6.0


def coding_seconds(options: Mapping[str, Any], images: int, learning: int, features: int) -> float:
    """Return the time of learning and coding, in seconds of one core of the reference machine.

    Args:
        options: The arm's stanza.
        images: Images that are coded.
        learning: Images that are learned from.
        features: Length of a feature.
    """
    nonzeros = int(options["nonzeros"])
    atoms = number_of_atoms(options["atoms"], learning, nonzeros)
    learn = int(options["epochs"]) * learning * atoms * _LEARN * features / 384
    # Random atoms code the images that are not learned from once for each draw.
    coded = images + DRAWS * max(images - learning, 0)
    return learn + coded * atoms * nonzeros * _CODE * 10
