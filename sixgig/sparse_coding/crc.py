"""Collaborative representation: ridge codes over all atoms (Zhang, Yang and Feng, ICCV 2011)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sixgig.sparse_coding.loops import Floats


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues and eigenvectors of the smaller of D^T D and D D^T.

    Attributes:
        values: Eigenvalues, none below zero, [n].
        vectors: Eigenvectors as columns, [n, n], n being the smaller of n_atoms and n_features.
    """

    values: Floats
    vectors: Floats


def spectrum_of(dictionary: Floats) -> Spectrum:
    """Return the spectrum of atoms (rows), [n_atoms, n_features]."""
    wide = dictionary.shape[0] > dictionary.shape[1]
    values, vectors = np.linalg.eigh(dictionary.T @ dictionary if wide else dictionary @ dictionary.T)
    return Spectrum(np.maximum(values, 0.0), vectors)


def batch_crc_path(
    dictionary: Floats, vectors: Floats, ridges: Sequence[float], *, spectrum: Spectrum | None = None
) -> list[Floats]:
    """Minimise ||y - D x||^2 + ridge ||x||^2 for every vector y and every ridge (equation 7 of the paper).

    The code (D^T D + ridge I)^-1 D^T y is also D^T (D D^T + ridge I)^-1 y, so the smaller of the two matrices is
    decomposed once, and each further ridge costs two matrix products.

    Args:
        dictionary: Atoms, one per row, [n_atoms, n_features].
        vectors: Vectors to code, [n_vectors, n_features].
        ridges: Penalties above zero.
        spectrum: :func:`spectrum_of` the dictionary, when it has been computed already.

    Returns:
        One code matrix [n_vectors, n_atoms] per ridge, in the order asked for.

    Raises:
        ValueError: A ridge is not above zero.
    """
    if not all(ridge > 0 for ridge in ridges):
        raise ValueError(f"ridge must be above zero, got {list(ridges)}")
    spectrum = spectrum_of(dictionary) if spectrum is None else spectrum
    wide = dictionary.shape[0] > dictionary.shape[1]
    turned = (vectors if wide else vectors @ dictionary.T) @ spectrum.vectors
    codes = [(turned / (spectrum.values + ridge)) @ spectrum.vectors.T for ridge in ridges]
    return [code @ dictionary.T if wide else code for code in codes]
