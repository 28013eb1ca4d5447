"""The tiny study in a bucket: interrupted, without its local copies, and its bytes beside those of a local run.

Started by run.sh, which has started the server.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import chaos
import study
from conftest import ROOT, RUN
from study import expect, say, wait_until

SERVER, BUCKET, PREFIX = "http://127.0.0.1:5656", "studies", "lab/"
IN_THE_BUCKET = (
    "--workflow-profile", str(ROOT / "profiles" / "s3"), "--default-storage-prefix", f"s3://{BUCKET}/{PREFIX[:-1]}",
    "--storage-s3-endpoint-url", SERVER,
)  # fmt: skip


def main(folder: Path) -> None:
    """Run the study locally and into the bucket, and compare."""
    study.write_study(folder, ("local", "bucket"), device="cpu")
    client = boto3.client("s3", endpoint_url=SERVER)
    wait_until(lambda: _made(client), "the server answers, and has a bucket")
    there, began = folder / "bucket", time.monotonic()
    local = study.start(folder / "local", *RUN, targets=["classify"])
    interrupted = study.start(there, *IN_THE_BUCKET, *RUN, targets=["classify"])
    wait_until(lambda: interrupted.poll() is not None or len(_keys(client, "benchmarks/*.tsv")) >= 6, "6 jobs are done")
    interrupted.send_signal(signal.SIGTERM)
    expect(interrupted.wait() == 143, "the interrupted run ends with 143")
    done = len(_keys(client, "benchmarks/*.tsv"))
    shutil.rmtree(there / ".snakemake/storage")
    last = study.start(there, *IN_THE_BUCKET, *RUN, targets=["classify"])
    expect(last.wait() == 0, f"after {done} jobs, without its local copies, the same command finishes the study")
    expect(local.wait() == 0, "the local run finishes")
    results = chaos.results(folder / "local/results/tiny")
    stored = {
        key: client.get_object(Bucket=BUCKET, Key=f"{PREFIX}results/tiny/{key}")["Body"].read() for key in results
    }
    differing = sorted(key for key, content in results.items() if stored[key] != content)
    expect(not differing, f"{len(results)} results in the bucket have the bytes of the local run; not: {differing}")
    expect(not (there / "results/tiny/features").exists(), "features lie in the bucket alone")
    say(f"{len(_keys(client, '*'))} objects; all of it took {time.monotonic() - began:.0f} s")


def _made(client: Any) -> bool:
    try:
        client.create_bucket(Bucket=BUCKET)
    except Exception:
        return False
    return True


def _content(client: Any, key: str) -> bytes:
    content: bytes = client.get_object(Bucket=BUCKET, Key=f"{PREFIX}results/tiny/{key}")["Body"].read()
    return content


def _keys(client: Any, pattern: str) -> list[str]:
    """Return the names of the study's objects that a pattern fits."""
    found: list[str] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}results/tiny/"):
        found += [entry["Key"].removeprefix(f"{PREFIX}results/tiny/") for entry in page.get("Contents", ())]
    return [key for key in found if fnmatch.fnmatch(key, pattern)]


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]))
