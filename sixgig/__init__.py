"""sixgig: compare five ways of turning medical images into features, on one 6 GB GPU.

``sixgig.Study("results/default")`` reads a finished study: tables as DataFrames, figures as objects.
"""

from sixgig.version import __version__

__all__ = ["Study", "__version__"]


def __getattr__(name):  # type: ignore[no-untyped-def]
    # Late, because the package is also imported by a Python 3.7 that has neither pandas nor the syntax of that module.
    if name == "Study":
        from sixgig.notebook import Study

        return Study
    raise AttributeError(f"module 'sixgig' has no attribute {name!r}")
