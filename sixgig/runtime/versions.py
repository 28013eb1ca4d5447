"""Versions of installed packages."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

#: Packages whose version can change a result.
PACKAGES = (
    "snakemake", "torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "pandas", "nibabel", "statsmodels",
    "matplotlib", "mlflow",
)  # fmt: skip
#: Those that compute features: another version of one may give other numbers.
ENCODING_PACKAGES = ("torch", "torchvision", "timm")
#: Those that compute features without a network.
_PLAIN_PACKAGES = ("numpy", "scipy", "scikit-image", "pandas")

#: Those that read and resample files.
_READING_PACKAGES = ("numpy", "pillow", "nibabel", "pydicom", "simpleitk")


def package_version(package: str) -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def encoding_versions() -> dict[str, str]:
    """Return the versions of the packages that compute features."""
    return {name: package_version(name) for name in ENCODING_PACKAGES}


def plain_versions() -> dict[str, str]:
    """Return the versions of the packages that compute features without a network."""
    return {name: package_version(name) for name in _PLAIN_PACKAGES}


def reading_versions() -> dict[str, str]:
    """Return the versions of the packages that read and resample files."""
    return {name: package_version(name) for name in _READING_PACKAGES}


def study_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a result."""
    return {"python": platform.python_version(), **{name: package_version(name) for name in PACKAGES}}
