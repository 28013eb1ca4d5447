#!/bin/bash
# The tiny study with its results in a bucket of an S3 server on this machine (moto): bytes of a local run, and a run that
# is interrupted, loses its local copies and goes on. Not part of `make test`: needs moto[server] and the plugin
# (envs/s3.txt) beside the packages of .venv. FOLDER keeps logs and results.
#
#   PYTHONPATH=PLUGINS bash tests/s3/run.sh [FOLDER]
set -eu
cd "$(dirname "$0")/../.."
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
folder=$(realpath "$folder")
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
.venv/bin/python -m moto.server --host 127.0.0.1 --port 5656 > "$folder/moto.log" 2>&1 &
server=$!
trap 'kill $server' EXIT
PYTHONPATH="$PWD:$PWD/tests/workflow:$PWD/tests/slurm${PYTHONPATH:+:$PYTHONPATH}" .venv/bin/python tests/s3/bucket.py "$folder"
