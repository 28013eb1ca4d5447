"""The classifiers that a study can name, their options, and how each is built.

Importing this package is cheap: scikit-learn is loaded when a classifier is built. A further classifier is one module
with a ``build(options, seed)`` function and one entry in :data:`CLASSIFIERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sixgig.errors import ConfigError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

#: A search grid as scikit-learn's ``ParameterGrid`` takes it; every key starts with ``classifier__``.
Grid = list[dict[str, list[Any]]]


@dataclass(frozen=True)
class Option:
    """One option of a classifier.

    Attributes:
        default: Value used when the study does not set the option.
        wanted: What a valid value is, in words that complete "must be ...".
        valid: Whether a value is valid.
        description: What the option does.
    """

    default: Any
    wanted: str
    valid: Callable[[Any], bool]
    description: str


@dataclass(frozen=True)
class ClassifierInfo:
    """What the study and the report know about a classifier.

    Attributes:
        name: Key in the study file.
        title: Plain-language name.
        module: Module under ``sixgig.classifiers`` whose ``build(options, seed)`` makes the pipeline and its grid.
        options: Options by name.
    """

    name: str
    title: str
    module: str
    options: Mapping[str, Option]

    @property
    def defaults(self) -> dict[str, Any]:
        """Default value of every option."""
        return {key: option.default for key, option in self.options.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_list_of(valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and len(value) > 0 and all(map(valid, value))


def _positive_numbers(default: list[float], description: str) -> Option:
    valid = _is_list_of(lambda value: _is_number(value) and 0 < value < float("inf"))
    return Option(default, "a non-empty list of positive numbers", valid, description)


def _names(default: list[str], description: str, *more: str) -> Option:
    allowed = (*default, *more)
    return Option(
        default, f"a non-empty list out of {', '.join(allowed)}", _is_list_of(allowed.__contains__), description
    )


_PCA = Option(
    0.95,
    "a share of the variance above 0 and up to 1.0, or a whole number of components",
    lambda value: _is_count(value) or (_is_number(value) and isinstance(value, float) and 0 < value <= 1),
    "principal components kept: a share of the training fold's variance (0.95), or at most so many (64)",
)

#: Every classifier by the name the study file uses.
CLASSIFIERS: dict[str, ClassifierInfo] = {
    info.name: info
    for info in (
        ClassifierInfo(
            "svm",
            "Support vector machine",
            "svm",
            {
                "pca": _PCA,
                "kernels": _names(["linear", "rbf"], "kernels that the inner search compares"),
                "C": _positive_numbers(
                    [0.1, 1.0, 10.0, 100.0], "penalties searched (features have mean square norm 1)"
                ),
                "gamma": _positive_numbers(
                    [0.3, 1.0, 3.0],
                    "RBF widths searched; 1 is scikit-learn's 'scale', since features have mean square norm 1",
                ),
            },
        ),
        ClassifierInfo(
            "src",
            "Sparse representation classification",
            "src",
            {
                "pca": _PCA,
                "coding": _names(["omp", "lasso"], "codings that the inner search compares", "crc"),
                "n_nonzero": Option(
                    [5, 10, 20],
                    "a non-empty list of whole numbers of at least 1",
                    _is_list_of(_is_count),
                    "numbers of training subjects per OMP code searched",
                ),
                "alpha": _positive_numbers(
                    [0.05, 0.2], "l1 penalties of the lasso code searched, on unit-norm features"
                ),
                "ridge": _positive_numbers(
                    [0.001, 0.01, 0.1], "l2 penalties of the crc code searched, on unit-norm features"
                ),
                "atoms_per_class": Option(
                    None,
                    "a whole number of at least 1, or null",
                    lambda value: value is None or _is_count(value),
                    "most atoms of a class in the dictionary; null makes every training subject an atom",
                ),
                "shrinkage": Option(
                    "subset",
                    "subset or ksvd",
                    ("subset", "ksvd").__contains__,
                    "how a class gets fewer atoms: a subset of its training subjects, or learned by K-SVD",
                ),
            },
        ),
        ClassifierInfo("majority_class", "Majority class (control)", "majority", {}),
    )
}


def classifier_info(name: str) -> ClassifierInfo:
    """Return the classifier called ``name``.

    Raises:
        ConfigError: There is none.
    """
    try:
        return CLASSIFIERS[name]
    except KeyError:
        known = ", ".join(CLASSIFIERS)
        raise ConfigError(
            f"classifiers.{name}", "there is no such classifier", f"use one of {known}, or remove the key"
        ) from None


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a classifier with defaults filled in.

    Args:
        name: Classifier in :data:`CLASSIFIERS`.
        options: What the study file says under the classifier's name.

    Raises:
        ConfigError: An unknown classifier, an unknown option or a value that is not valid; names the key.
    """
    info = classifier_info(name)
    for key, value in options.items():
        place = f"classifiers.{name}.{key}"
        if key not in info.options:
            known = ", ".join(info.options) or "none"
            raise ConfigError(place, "there is no such option", f"remove it; the options of {name} are: {known}")
        option = info.options[key]
        if not option.valid(value):
            raise ConfigError(
                place,
                f"{value!r} does not fit: it must be {option.wanted}",
                f"for instance write {key}: {option.default}",
            )
    return info.defaults | dict(options)


def build_classifier(name: str, options: Mapping[str, Any], *, seed: int) -> tuple[Pipeline, Grid]:
    """Build a classifier for one training fold.

    Args:
        name: Classifier in :data:`CLASSIFIERS`.
        options: Its options from the study file.
        seed: Seed of whatever is random in it.

    Returns:
        A Pipeline whose last step is called ``classifier``, and the grid that the inner search goes through. The
        grid is empty when there is nothing to choose.

    Raises:
        ConfigError: See :func:`check_options`.
    """
    checked = check_options(name, options)
    module = import_module(f"sixgig.classifiers.{classifier_info(name).module}")
    pipeline, grid = module.build(checked, seed)
    return pipeline, grid
