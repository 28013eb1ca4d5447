#!/usr/bin/env bash
# The bench's rows on a GPU, in at most ten minutes; they join those of the CPU in docs/bench.md, with the card named.
#   bench/gpu.sh            writes docs/bench_gpu.json, and docs/bench.md where docs/bench.json is there
#   bench/gpu.sh --quick    tries the script on any machine, GPU or not, and writes nothing
# PYTHON names the interpreter (default .venv/bin/python).
set -euo pipefail
cd "$(dirname "$0")/.."
exec timeout 590 "${PYTHON:-.venv/bin/python}" -m bench.run --gpu "$@"
