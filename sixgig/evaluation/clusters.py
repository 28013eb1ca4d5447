"""Which rows of predictions are of one subject, and which subjects are drawn among each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Stratum of the subjects whose images are of several classes.
_SEVERAL = " + "


@dataclass(frozen=True)
class Clusters:
    """Rows of predictions by subject.

    Attributes:
        members: Index of the subject of every row, [n_rows]; subjects are in order of name.
        strata: Stratum of every subject, [n_subjects]: its class; subjects with images of several classes are a stratum
            of their own.
        classes: Class of every row, [n_rows].
    """

    members: NDArray[np.intp]
    strata: NDArray[np.str_]
    classes: NDArray[np.str_]

    @staticmethod
    def of(subjects: NDArray[np.str_], classes: NDArray[np.str_]) -> Clusters:
        """Group rows by subject.

        Where there are subjects of several classes, a stratum of one subject is joined to theirs, and theirs to the
        largest one if it is of one subject: a stratum of one would always be drawn, as if it could not be otherwise.

        Args:
            subjects: Subject of every row, [n_rows].
            classes: Class of every row, [n_rows].
        """
        names, members = np.unique(subjects, return_inverse=True)
        _, first = np.unique(members, return_index=True)
        strata = classes[first].astype(object)
        several = np.zeros(len(names), dtype=bool)
        several[members[classes != classes[first][members]]] = True
        if several.any():
            strata[several] = _SEVERAL
            found, where, counts = np.unique(strata.astype(str), return_inverse=True, return_counts=True)
            strata[counts[where] == 1] = _SEVERAL
            if (strata == _SEVERAL).sum() == 1:
                strata[strata == _SEVERAL] = found[counts.argmax()]
        return Clusters(members, strata.astype(str), classes)

    def spread(self, blocks: Iterable[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
        """Yield weights of subjects, [n_sets, n_subjects], as weights of their rows, [n_sets, n_rows]."""
        for weights in blocks:
            yield weights[:, self.members]

    def only(self, subject: int) -> str:
        """Return the class that no other subject holds, given the index of the one that does."""
        inside = self.members == subject
        rest = set(self.classes[~inside])
        return next(str(name) for name in self.classes[inside] if name not in rest)
