"""How many atoms a dictionary has, and whether learning it was worth more than taking images for atoms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: Learning images for each atom that ``atoms: auto`` takes. With DINOv2's features of ELPV (115 learning images, 12
#: non-zeros), a learned dictionary explains others by 17% better than as many random images at 10 images an atom, by
#: 11% at 5, 10% at 4, 6% at 2, and 2% at 1.2.
IMAGES_PER_ATOM = 4
#: The most that ``auto`` takes.
MOST_ATOMS = 256
#: Below this many learning images for each atom, a remark says that the dictionary is nearly the images themselves.
FEW_IMAGES_PER_ATOM = 2
#: A learned dictionary whose error is not lower than that of random images by this share has not beaten them.
WORTH = 0.02
#: Draws of random images that the error is averaged over.
DRAWS = 3


def number_of_atoms(option: int | str, learning_images: int, nonzeros: int) -> int:
    """Return the atoms that the option means for this many learning images; a number means itself.

    ``auto`` is one atom for every :data:`IMAGES_PER_ATOM` images, at most :data:`MOST_ATOMS`, and at least as many as a
    code has non-zeros.
    """
    if option != "auto":
        return int(option)
    return max(min(learning_images // IMAGES_PER_ATOM, MOST_ATOMS), nonzeros, 2)


def random_atoms_error(learning: np.ndarray, others: np.ndarray, atoms: int, nonzeros: int, seed: int) -> float | None:
    """Return the error on other images when randomly chosen learning images are the atoms, averaged over draws.

    Args:
        learning: Unit-norm features that atoms are chosen from, [n, d].
        others: Unit-norm features that are coded, [m, d].
        atoms: Images chosen, without replacement, at most n.
        nonzeros: Non-zeros of a code.
        seed: Of the draws.

    Returns:
        The mean of ||y - D x|| as for the learned dictionary; None when there are no others.
    """
    from sixgig.sparse_coding.omp import batch_omp

    if len(others) == 0:
        return None
    errors = []
    for draw in range(DRAWS):
        chosen = np.random.default_rng([seed, draw]).choice(len(learning), atoms, replace=False)
        dictionary = learning[np.sort(chosen)]
        codes = batch_omp(dictionary, others, nonzeros)
        errors.append(np.linalg.norm(others - codes @ dictionary, axis=1).mean())
    return float(np.mean(errors))


def judged(learned: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be said of a dictionary.

    Args:
        learned: ``atoms``, ``learning_images``, ``relative_error_others`` and ``relative_error_random_atoms``.

    Returns:
        ``few_images`` (below :data:`FEW_IMAGES_PER_ATOM` for each atom), ``beats_random_atoms`` (None when there are no
        other images), and ``remarks``, English sentences; often none.
    """
    atoms, images = learned["atoms"], learned["learning_images"]
    error, chance = learned["relative_error_others"], learned["relative_error_random_atoms"]
    few = images < FEW_IMAGES_PER_ATOM * atoms
    beats = None if error is None or chance is None else bool(error < (1 - WORTH) * chance)
    remarks = []
    if few:
        remarks.append(
            f"{atoms} atoms were learned from {images} images, {images / atoms:.1f} for each: below "
            f"{FEW_IMAGES_PER_ATOM}, a dictionary is little more than the images themselves. Ask for fewer atoms "
            "(atoms: auto), or raise evaluation.pretraining_fraction"
        )
    if beats is False:
        remarks.append(
            f"learning did not beat chance: on images of other subjects the error is {error:.3f}, and {chance:.3f} "
            f"with {atoms} random learning images as atoms"
        )
    return {"few_images": few, "beats_random_atoms": beats, "remarks": remarks}
