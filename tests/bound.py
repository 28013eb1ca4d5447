"""Permission bits do not bind root: what they forbid is tried without the capabilities that root has beyond them."""

import ctypes
import os

#: A user who owns what this one may not use; files are given to nobody else when the tests do not run as root.
OTHER = 65534
_IS_ROOT = os.geteuid() == 0
#: What comes before a command so that permission bits bind it.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if _IS_ROOT else []
_VERSION = 0x20080522
#: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, see capabilities(7).
_LIFTED = 0b1110


def give_away(path):
    """Let another user own a file or folder and all that is in it."""
    for each in [path, *path.rglob("*")] if _IS_ROOT else ():
        os.chown(each, OTHER, OTHER)


def bound(function, *arguments):
    """Return the text that a function returns in a process that permission bits bind; or what it raises."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _give_up_capabilities()
            text = function(*arguments)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


def _give_up_capabilities():
    if not _IS_ROOT:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable
    assert libc.capget(header, sets) == 0
    for place in range(3):
        sets[place] &= ~_LIFTED
    assert libc.capset(header, sets) == 0, ctypes.get_errno()
