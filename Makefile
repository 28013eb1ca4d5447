# `make` sets up the environment and runs the default study. `make help` lists the rest.
PYTHON ?= python3
CONFIG ?= config/config.yaml
CORES ?= all
TENSORFLOW1 ?= yes
KILLS ?= 25
SEED ?= 1
STUDY = $(shell sed -n 's/^study: *//p' $(CONFIG))
BIN = .venv/bin
LOCK = .tools/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --upgrade
export PYTHONDONTWRITEBYTECODE =
export MPLBACKEND = Agg

.DEFAULT_GOAL := study
.PHONY: help study plan doctor setup test chaos bench simulate showcase lint format snakemake-report mlflow slurm s3 lock clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-17s %s\n", $$1, $$2}'
	@echo "  CONFIG=config/laptop.yaml and CORES=4 choose another study and fewer cores; TENSORFLOW1=no leaves out .venv-tf1;"
	@echo "  RETRY=yes tries failed arms and cohorts again (make ends with an error when some failed, the report names them)."

study: setup  ## set up, then run the study (the default one, or CONFIG=...)
	@echo "[study] running $(CONFIG); stop it when you like, the next make goes on from there"
	@$(BIN)/python -m sixgig run $(CONFIG) --cores $(CORES) $(if $(filter yes,$(RETRY)),--retry-failed)

plan: setup  ## show what still has to run and why, its time, memory and disk; whether it fits
	@$(BIN)/python -m sixgig plan $(CONFIG) --cores $(CORES) || test $$? -eq 1  # 1: it does not fit, which it has said

doctor: setup  ## say whether CONFIG can start on this machine, and what to do when it cannot
	@$(BIN)/python -m sixgig doctor $(CONFIG)

setup:  ## build both environments from their hashed locks (once)
	@command -v $(PYTHON) > /dev/null || { echo "[set-up] failed: no $(PYTHON). Next step: install Python 3, or make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) envs/build.py .venv 3.11 envs/main.txt
	@if [ "$(TENSORFLOW1)" != no ]; then $(PYTHON) envs/build.py .venv-tf1 3.7 envs/tensorflow1.txt || { \
	echo "[set-up] .venv-tf1 serves the arm vit_contrastive alone. To go on without it: make TENSORFLOW1=no, with"; \
	echo "[set-up] arms.vit_contrastive.on_missing_environment: torch (or skip) in the study file"; exit 1; }; fi
	@$(MAKE) --no-print-directory .venv/.compiled

.venv/.compiled: $(wildcard sixgig/sparse_coding/*.py) sixgig/runtime/compilation.py envs/main.txt
	@$(BIN)/python -m sixgig.sparse_coding.ahead
	@touch $@

test: setup  ## set up, then run every test
	@echo "[test] unit, script and workflow tests; about 25 minutes on 2 cores"
	@$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder --durations=8

chaos: setup  ## kill the tiny study at random moments (KILLS=25 SEED=1), and compare it with an undisturbed one
	@PYTHONPATH=. $(BIN)/python tests/workflow/chaos.py --kills $(KILLS) --seed $(SEED)

simulate: setup  ## how often intervals cover the truth, and equal methods are called different (docs/method.md)
	@$(BIN)/python -m bench.coverage --jobs 2 --document docs/method.md
	@$(BIN)/python -m bench.false_better

bench: setup  ## measure speed against what else one would use; writes docs/bench.md (QUICK=yes tries it, BUSY=yes measures on a busy machine)
	@$(PYTHON) envs/build.py .venv-bench 3.11 envs/bench.txt
	@echo ../../../../.venv/lib/python3.11/site-packages > .venv-bench/lib/python3.11/site-packages/main.pth
	@echo "[bench] about 10 minutes on 2 cores; nothing else should run meanwhile"
	@.venv-bench/bin/python -m bench.run $(if $(filter yes,$(QUICK)),--quick) $(if $(filter yes,$(BUSY)),--busy) $(if $(SECTIONS),--only $(SECTIONS))

showcase:  ## run the default study, then put its results and pictures into docs/ and README.md
	@$(MAKE) study CONFIG=config/config.yaml
	@$(BIN)/python -m bench.showcase results/default

lint: setup  ## ruff, mypy, import contracts, snakefmt, snakemake --lint
	@echo "[lint] ruff"; $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "[lint] mypy"; $(BIN)/mypy
	@echo "[lint] imports look down only"; $(BIN)/lint-imports --no-logo --no-cache
	@echo "[lint] snakefmt"; PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakefmt --check Snakefile rules
	@echo "[lint] snakemake --lint"; $(BIN)/snakemake --lint

format: setup  ## rewrite the source in the house format, and config/schema.yaml from its parts
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakefmt Snakefile rules
	@$(BIN)/python -m sixgig.plan.schema

snakemake-report: setup  ## Snakemake's own report, with provenance of every file
	@$(BIN)/snakemake --configfile $(CONFIG) --report results/$(STUDY)/snakemake-report.html

mlflow: setup  ## open MLflow's pages for the study on 127.0.0.1:5000
	@$(BIN)/python -m sixgig.telling.pages $(CONFIG)

slurm: setup  ## add what profiles/slurm needs to .venv (docs/cluster.md)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/slurm.txt

s3: setup  ## add what profiles/s3 needs to .venv (docs/cluster.md)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/s3.txt

lock: setup  ## pin the packages of envs/*.in again (needs the package registry)
	@$(LOCK) --python-version 3.11 envs/main.in -o envs/main.txt
	@$(LOCK) --python-version 3.7 envs/tensorflow1.in -o envs/tensorflow1.txt
	@$(LOCK) --python-version 3.11 -c envs/main.txt envs/slurm.in -o envs/slurm.txt
	@grep -o '^[A-Za-z0-9].*==[^ ;]*' envs/main.txt | grep -v dateutil > .tools/pins.txt
	@$(LOCK) --python-version 3.11 --constraints .tools/pins.txt envs/s3.in -o envs/s3.txt
	@$(LOCK) --python-version 3.11 -c envs/main.txt envs/bench.in -o envs/bench.txt
	@echo "[lock] envs/*.txt written; envs/*.yaml must name the same versions (make test checks)"

clean:  ## remove environments and caches; results stay
	rm -rf .venv .venv-* .tools .snakemake .pytest_cache .ruff_cache .mypy_cache .hypothesis
