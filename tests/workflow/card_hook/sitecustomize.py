"""Python imports this module at its start where this folder is on PYTHONPATH; see `test_card.py`.

In a process that runs one of Snakemake's scripts, networks compute on the CPU and the job believes that this is the
card which CARD names. It holds the card a little longer than it computes, and writes down when it asked for it, had it,
and let go of it, to a file in the folder that CARD_TIMES names.
"""

import contextlib
import dataclasses
import os
import sys
import time

if any("/.snakemake/scripts/" in word for word in getattr(sys, "orig_argv", ())):
    from sixgig.gpu import device, lock

    _choose, _hold = device.choose_device, lock.hold_gpu

    def _card(*arguments):
        return dataclasses.replace(_choose(*arguments), card=os.environ["CARD"])

    @contextlib.contextmanager
    def _timed(path, tell):
        asked = time.monotonic()
        with _hold(path, tell):
            began = time.monotonic()
            yield
            time.sleep(2)
            ended = time.monotonic()
            with open(os.path.join(os.environ["CARD_TIMES"], str(os.getpid())), "w") as stream:
                print(asked, began, ended, file=stream)

    device.choose_device, lock.hold_gpu = _card, _timed
