"""Versions of installed packages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

#: Packages that compute features: another version of one may give other numbers.
ENCODING_PACKAGES = ("torch", "torchvision", "timm")


def package_version(package: str) -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def encoding_versions() -> dict[str, str]:
    """Return the versions of the packages that compute features."""
    return {name: package_version(name) for name in ENCODING_PACKAGES}
