"""Which rights new files have. It runs under Python 3.7 too."""

from __future__ import annotations

import os

#: Rights that nobody outside the owner's group gets, whatever the user's umask.
OTHERS_WRITE = 0o002


def keep_others_out() -> int:
    """From now on, no file or folder that this process or its children make can be written by everybody.

    Returns:
        The umask that holds now: that of the user, without leave for others to write.
    """
    umask = os.umask(0o077) | OTHERS_WRITE
    os.umask(umask)
    return umask
