# What a person does with this checkout. `make help` lists it; nothing is installed outside .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test bench check lock train evaluate

# The first of these that is Python 3.11 to 3.13; name another with `make PYTHON=/path/to/python3.12 …`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
UV ?= uv
ARGS ?=
TESTS ?= tests
# The classifier's sets are not ours to ship; workers/classifier/MODEL.md says what they are.
LICENSED ?= ../shared/data/train
SETS ?= ../shared/data/eval
BIN := .venv/bin

# A stamp's name holds its lock's content and the place of the checkout (a .venv can't be moved): where the stamp
# exists there is nothing to do.
key = $(shell { cat $(1); pwd; } | cksum | tr ' ' -)
STAMP := .venv/.installed-$(call key,requirements.lock pyproject.toml)
STAMP_DEV := .venv/.installed-dev-$(call key,requirements.lock requirements-dev.lock pyproject.toml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile

setup: $(STAMP) ## make .venv with the locked packages; afterwards .venv/bin/hikeshi is the program

setup-dev: $(STAMP_DEV)

$(STAMP):
	@test -n "$(PYTHON)" || { echo "Hikeshi needs Python 3.11, 3.12 or 3.13, and found none on PATH." \
	  "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "Making .venv with $(PYTHON) and the packages of requirements.lock; this takes a minute, once." >&2
	@$(BIN)/python -c '' 2>/dev/null || clear=--clear; $(PYTHON) -m venv $$clear .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@rm -f .venv/.installed-*; touch $@

$(STAMP_DEV): $(STAMP)
	@echo "Adding the packages of requirements-dev.lock." >&2
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: $(STAMP) ## run every stage in one process; options in ARGS, e.g. make run ARGS="--source sample"
	@$(BIN)/hikeshi run $(ARGS)

test: $(STAMP_DEV) ## run the tests; what is skipped is said at the end with its reason; some of them: TESTS=tests/config
	@$(BIN)/python -m pytest $(TESTS) $(ARGS)

bench: $(STAMP_DEV) ## print the benchmark tables
	@$(BIN)/python -m tests.bench $(ARGS)

check: $(STAMP_DEV) ## lint, format, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_import_law.py tests/test_tracked_files.py

train: $(STAMP_DEV) ## make the classifier's weights anew from our posts and the licensed sets in LICENSED=folder
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m workers.classifier.train --licensed "$(LICENSED)" $(ARGS)

evaluate: $(STAMP_DEV) ## measure the classifier on the evaluation sets in SETS=folder
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m workers.classifier.evaluate --sets "$(SETS)" $(ARGS)

lock: ## compile both locks anew from pyproject.toml (needs uv); they hold hashes and no addresses
	$(UV) pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock
	$(UV) pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements.lock -o requirements-dev.lock
