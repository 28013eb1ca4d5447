#!/usr/bin/env bash
# The laptop study on simulated cohorts of the true sizes, held to 6144 MiB of the card, in at most ten minutes on a fast card.
#   bench/gpu_study.sh FOLDER [--subjects 60] [--steps 0.3] [--small]
# FOLDER gets weights, study file, plan, tables and log. PYTHON names the interpreter (default .venv/bin/python).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:?name a folder for the results}
shift
python=${PYTHON:-.venv/bin/python}
cores=${CORES:-$(nproc)}
mkdir -p "$folder"

study=$("$python" -m bench.gpu_study prepare "$folder" "$@" | tail -n 1)
echo "[gpu-study] study file: $study"
"$python" -m sixgig plan "$study" --cores "$cores" --json > "$folder/plan.json" || echo "[gpu-study] there is no plan"
"$python" -m sixgig plan "$study" --cores "$cores" > "$folder/plan.txt" 2>&1 || true

began=$(date +%s)
result=0
"$python" -m snakemake --cores "$cores" --configfile "$study" --quiet host rules 2>&1 | tee "$folder/run.log" || result=$?
wall=$(($(date +%s) - began))
cp results/gpu_study/costs.csv results/gpu_study/summary.csv results/gpu_study/report.html "$folder/" 2> /dev/null || true
"$python" -m bench.gpu_study measure results/gpu_study "$folder/gpu_study.json" "$folder/plan.json" "$wall" | tee "$folder/measured.txt"
exit "$result"
