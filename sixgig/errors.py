"""One exception family: every message names the place, the reason and the next step. It runs under Python 3.7 too."""

from __future__ import annotations

import os
import re

from sixgig.redaction import redacted

#: Stands in the reason of what failed because the study file says to leave it out then.
SKIPPED = "skipped, as the study file says"
#: The folders of an absolute path in a sentence; what follows the last of them is its name.
_FOLDERS = re.compile(r"(?:(?<=file://)|(?<![\w.~$/:-]))/(?:[^\s/'\"`,;:()\[\]{}<>|]+/)+(?=[^\s/'\"`,;:()\[\]{}<>|])")


class SixgigError(Exception):
    """A problem the user can solve. Passwords and tokens in what it says are replaced by ``***``.

    Args:
        place: The file, config key or job where the problem is.
        reason: What is wrong there.
        next_step: What to do about it, as an instruction.
    """

    def __init__(self, place: object, reason: str, next_step: str) -> None:
        self.place, self.reason, self.next_step = (redacted(str(part)) for part in (place, reason, next_step))
        super().__init__(self.place, self.reason, self.next_step)

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}\n  Next step: {self.next_step}"


class ConfigError(SixgigError):
    """The study file asks for something that does not exist or cannot work."""


class CohortError(SixgigError):
    """A cohort cannot be read, prepared or split."""


class CohortFailedError(CohortError):
    """A cohort has failed before, so nothing can be computed on it."""


class ImageError(CohortError):
    """One input file cannot be used; it goes to quarantine, the cohort goes on."""


class LeakageError(SixgigError):
    """A subject or an image would be in training and in test."""


class WeightsError(SixgigError):
    """Pretrained weights cannot be fetched, verified or converted."""


class ArmError(SixgigError):
    """An arm cannot compute its features."""


class TrainingError(ArmError):
    """An arm's training cannot begin or go on."""


class NotFiniteError(TrainingError):
    """The loss became infinite or not a number."""


class ClassifierError(SixgigError):
    """A classifier cannot be fitted to the features it got."""


class TableError(SixgigError):
    """A table does not have the columns or the values that its format promises."""


class GpuError(SixgigError):
    """The GPU that the study asks for cannot be used."""


class PassingError(SixgigError):
    """What may pass by itself: a signal, memory, disk space, the card, input and output.

    It is no outcome of an arm: the job fails, keeps its checkpoints, and is tried again.
    """


class PlaceError(SixgigError):
    """A folder or file cannot be read or written as the study needs it: rights, a full disk, a file in its place."""


class EnvironmentMissingError(SixgigError):
    """An environment that the study needs is not there, or is not the one it should be."""


def failure(error: Exception) -> str:
    """Return an error as the status of an arm: ``failed: reason``, in one line."""
    reason = f"{error.place}: {error.reason}" if isinstance(error, SixgigError) else f"{type(error).__name__}: {error}"
    return "failed: " + redacted(without_folders(" ".join(reason.split())))


def without_folders(text: str) -> str:
    """Return a text for a file that others will read: it says nothing about the folders of this machine.

    A path below the working directory is shown from there on, one below the home folder with ``~``, any other absolute
    path as ``.../`` and its name.
    """
    here, home = os.getcwd(), os.path.expanduser("~")
    for folder, shown in ((here, ""), (home, "~/")):
        if len(folder) > 1:
            text = text.replace(f"{folder}/", shown)
    return _FOLDERS.sub(".../", text)
