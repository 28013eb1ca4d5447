#!/bin/bash
# The tiny study on a real SLURM of two nodes that stand for a cluster, all on this machine: bytes of a local run, a job
# killed for memory, a run that is interrupted. Not part of `make test`: needs root, slurm-wlm and munge, and the plugin
# (envs/slurm.txt) beside the packages of .venv. About 10 minutes on two cores. FOLDER keeps logs and results.
#
#   PYTHONPATH=PLUGINS bash tests/slurm/run.sh [FOLDER]
set -eu
cd "$(dirname "$0")/../.."
. tests/slurm/cluster.sh

for program in slurmctld slurmd munged sbatch; do
    command -v "$program" > /dev/null || { echo "no $program: apt-get install slurm-wlm munge"; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "start it as root: SLURM's daemons are started"; exit 2; }
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
folder=$(realpath "$folder")
trap stop_cluster EXIT
start_cluster "$folder/cluster"
sinfo --Node --format='%N %T %c %m %G'
PYTHONPATH="$PWD:$PWD/tests/workflow${PYTHONPATH:+:$PYTHONPATH}" .venv/bin/python tests/slurm/study.py "$folder"
