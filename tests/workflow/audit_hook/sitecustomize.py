"""Python imports this module at its start where this folder is on PYTHONPATH; see `audit.py`.

In a process that runs one of Snakemake's scripts, and in the processes that it starts, it appends every file that is
opened and every folder that is listed to a file in the folder that AUDIT names. At the end the script's own process
adds what its rule declares.
"""

import atexit
import json
import os
import sys

_SCRIPT = next((word for word in getattr(sys, "orig_argv", ()) if "/.snakemake/scripts/" in word), None)
if _SCRIPT and "AUDIT_JOB" not in os.environ:
    os.environ["AUDIT_JOB"] = os.path.join(os.environ["AUDIT"], f"{os.path.basename(_SCRIPT)}.{os.getpid()}.jsonl")

if "AUDIT_JOB" in os.environ and hasattr(sys, "addaudithook"):
    _STREAM = os.open(os.environ["AUDIT_JOB"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    _FOLDER = os.getcwd()
    #: Events with the place of the path among their arguments. What `os.rename` gives a name counts as written; the
    #: temporary file that had been written is not looked at.
    _EVENTS = {"open": 0, "sqlite3.connect": 0, "os.listdir": 0, "os.scandir": 0, "os.rename": 1, "os.remove": 0}

    def _record(**line):
        os.write(_STREAM, json.dumps(line).encode() + b"\n")

    def _hook(event, arguments):
        if event in _EVENTS:
            path = arguments[_EVENTS[event]]
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if isinstance(path, (str, os.PathLike)):
                _record(event=event, path=os.path.join(_FOLDER, path))

    def _declare():
        job = getattr(sys.modules["__main__"], "snakemake", None)
        if job is not None:
            files = {name: [str(path) for path in getattr(job, name)] for name in ("input", "output", "log")}
            params = [value for value in job.params if isinstance(value, str)]
            _record(event="declared", rule=job.rule, params=params, **files)

    if _SCRIPT and __name__ == "sitecustomize":
        atexit.register(_declare)
    sys.addaudithook(_hook)
