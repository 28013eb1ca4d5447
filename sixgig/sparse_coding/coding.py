"""Code vectors over the atoms of all classes, and tell how well each class explains them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sixgig.sparse_coding.crc import Spectrum, batch_crc_path, spectrum_of
from sixgig.sparse_coding.lasso import batch_lasso_path, lasso_gram
from sixgig.sparse_coding.loops import Floats, Floats32, Indices, Vector, gram_matrix
from sixgig.sparse_coding.omp import batch_omp_path

CODINGS = ("omp", "lasso", "crc")
#: Doubles in the codes of one block of vectors: 128 MiB.
_MAX_DOUBLES = 1 << 24
#: A class that holds a smaller share of a ridge code than this counts as holding this share: its residual is divided by
#: it, and a class may hold nothing at all.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Dictionary:
    """Atoms of several classes, with everything that coding computes from the atoms alone.

    Attributes:
        atoms: Unit-norm atoms, [n_atoms, n_features].
        classes: Class index of every atom, [n_atoms].
        n_classes: Number of classes, those without atoms included.
        gram: float32 Gram matrix, for ``omp``.
        path_gram: Gram matrix in the type in which paths are followed, for ``lasso``.
        spectrum: Spectrum, for ``crc``.
    """

    atoms: Floats
    classes: Indices
    n_classes: int
    gram: Floats32 | None
    path_gram: Vector | None
    spectrum: Spectrum | None


def prepare(atoms: Floats, classes: Indices, n_classes: int, codings: Collection[str]) -> Dictionary:
    """Return the dictionary, prepared for these codings."""
    gram = gram_matrix(atoms) if "omp" in codings else None
    return Dictionary(
        atoms,
        classes,
        n_classes,
        gram,
        lasso_gram(atoms, gram) if "lasso" in codings else None,
        spectrum_of(atoms) if "crc" in codings else None,
    )


@dataclass(frozen=True)
class Evidence:
    """What the codes of some vectors say about the classes.

    Attributes:
        residuals: r_c = ||y - D_c x_c||_2 of every vector and class; for ``crc`` divided by ||x_c||_2,
            [n_vectors, n_classes].
        masses: ||x_c||_1, [n_vectors, n_classes].
    """

    residuals: Floats
    masses: Floats

    @property
    def explained(self) -> Any:
        """Whether any atom explains the vector, bool [n_vectors]."""
        return self.masses.any(axis=1)

    def decide(self, shares: Floats) -> Indices:
        """Return the class with the smallest residual; the most frequent one where no atom explains the vector.

        Args:
            shares: Share of every class in the training data, [n_classes].
        """
        decided: Indices = np.where(self.explained, self.residuals.argmin(axis=1), shares.argmax())
        return decided

    def concentration(self) -> Floats:
        """Return the sparsity concentration index (Wright et al., 2009, definition 1), [n_vectors].

        1 when one class holds the whole code, 0 when all hold the same share or no atom explains the vector. With a
        single class it is 1.
        """
        n_classes = self.masses.shape[1]
        totals = self.masses.sum(axis=1)
        share = np.divide(self.masses.max(axis=1), totals, out=np.zeros_like(totals), where=totals > 0)
        if n_classes == 1:
            return share
        return np.clip((n_classes * share - 1) / (n_classes - 1), 0.0, 1.0)


def unit_rows(X: Floats) -> Floats:
    """Scale rows to unit l2 norm; rows of zeros stay zero."""
    # Dividing by the largest entry first keeps tiny and huge rows from under- and overflowing when squared.
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    scaled = X / np.where(largest > 0, largest, 1.0)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    result: Floats = scaled / np.where(norms > 0, norms, 1.0)
    return result


def code(dictionary: Dictionary, vectors: Floats, settings: Sequence[Mapping[str, Any]]) -> list[Floats]:
    """Code the vectors by every setting, sharing what can be shared.

    Args:
        dictionary: Atoms.
        vectors: Unit-norm vectors, [n_vectors, n_features].
        settings: ``coding`` of each, with its ``n_nonzero``, ``alpha`` or ``ridge``.

    Returns:
        One code matrix [n_vectors, n_atoms] per setting, in order.
    """

    def wanted(coding: str) -> list[int]:
        return [index for index, setting in enumerate(settings) if setting["coding"] == coding]

    results: dict[int, Floats] = {}
    if rows := wanted("omp"):
        sizes = [int(settings[index]["n_nonzero"]) for index in rows]
        codes = batch_omp_path(dictionary.atoms, vectors, sizes, gram=dictionary.gram)
        results |= dict(zip(rows, codes, strict=True))
    if rows := wanted("lasso"):
        alphas = [float(settings[index]["alpha"]) for index in rows]
        codes = batch_lasso_path(dictionary.atoms, vectors, alphas, gram=dictionary.path_gram)
        results |= dict(zip(rows, codes, strict=True))
    if rows := wanted("crc"):
        ridges = [float(settings[index]["ridge"]) for index in rows]
        codes = batch_crc_path(dictionary.atoms, vectors, ridges, spectrum=dictionary.spectrum)
        results |= dict(zip(rows, codes, strict=True))
    return [results[index] for index in range(len(settings))]


def explain(dictionary: Dictionary, vectors: Floats, settings: Sequence[Mapping[str, Any]]) -> list[Evidence]:
    """Return what every setting says about the vectors; codes are made and dropped in blocks of vectors.

    Args:
        dictionary: Atoms.
        vectors: Unit-norm vectors, [n_vectors, n_features].
        settings: ``coding`` of each, with its ``n_nonzero``, ``alpha`` or ``ridge``.
    """
    block = max(1, _MAX_DOUBLES // max(1, len(dictionary.atoms) * len(settings)))
    parts: list[list[Evidence]] = [[] for _ in settings]
    for start in range(0, max(1, len(vectors)), block):
        some = vectors[start : start + block]
        for part, setting, codes in zip(parts, settings, code(dictionary, some, settings), strict=True):
            part.append(_weigh(dictionary, some, codes, setting["coding"] == "crc"))
    return [
        Evidence(np.concatenate([each.residuals for each in part]), np.concatenate([each.masses for each in part]))
        for part in parts
    ]


def _weigh(dictionary: Dictionary, vectors: Floats, codes: Floats, regularised: bool) -> Evidence:
    residuals = np.empty((len(vectors), dictionary.n_classes))
    masses = np.empty_like(residuals)
    whole = np.linalg.norm(codes, axis=1)
    for index in range(dictionary.n_classes):
        own = np.flatnonzero(dictionary.classes == index)
        part = codes[:, own]
        residuals[:, index] = np.linalg.norm(vectors - part @ dictionary.atoms[own], axis=1)
        masses[:, index] = np.abs(part).sum(axis=1)
        if regularised:
            held = np.maximum(np.linalg.norm(part, axis=1), _LEAST_SHARE * whole)
            residuals[:, index] /= np.where(held > 0, held, 1.0)
    return Evidence(residuals, masses)
