# `make help` lists the targets. Everything runs from .venv, which is created on first use.

PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster
INSTALLED := .venv/.installed
CODE := parity_pipeline parity_pipeline_tests bench
# A shell starts a background job with SIGINT ignored, and Dagster then ignores SIGTERM too: `make dev &` could not be stopped.
STOPPABLE := import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])

.DEFAULT_GOAL := help
.PHONY: help install home demo test dev check fmt docs reference bench lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

install: $(INSTALLED) ## create .venv with the pinned packages and this one

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

home: # Dagster finds its settings, telemetry off among them, in its home; one named by the environment may lack them
	@mkdir -p "$(DAGSTER_HOME)"
	@[ -e "$(DAGSTER_HOME)/dagster.yaml" ] || cp parity_pipeline/defs/dagster.yaml "$(DAGSTER_HOME)/dagster.yaml"

demo: $(INSTALLED) ## run the main job on the embedded gateways; FAULT=noise makes the candidate faulty
	$(BIN)/parity demo $(if $(FAULT),--fault $(FAULT))

test: $(INSTALLED) ## run the tests
	$(BIN)/python -m pytest -q -n 2

dev: $(INSTALLED) home ## Dagster UI on 127.0.0.1:3000 with the demo gateways up; PORT=3001 takes another port
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2> /dev/null || { echo "Port $(PORT) is in use by another process; stop it, or take another port: make dev PORT=3001"; exit 2; }
	$(BIN)/parity up
	@trap '$(BIN)/parity down' EXIT; trap 'exit 130' INT TERM; \
	  PYTHONWARNINGS='ignore:Function `dev_command` is superseded' $(BIN)/python -c '$(STOPPABLE)' \
	  $(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(PORT)

check: $(INSTALLED) home ## what CI runs: format, ruff, pyright, import-linter, definitions, tests
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/dg list defs --json > /dev/null
	$(BIN)/dg check defs
	$(BIN)/python -m pytest -q -n 2

fmt: $(INSTALLED) ## format, and fix what ruff can
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

docs: $(INSTALLED) ## build the documentation as a site into site/; a broken link is an error
	$(BIN)/python -m zensical build --strict --clean

reference: $(INSTALLED) ## write what docs/ repeats from the code: settings, dialects, checks, commands, JSON schema
	$(BIN)/python -m parity_pipeline.reference

bench: $(INSTALLED) ## benchmarks, each with its comparison in the same run; uses nginx and wrk if they are installed
	$(BIN)/python bench/fetch.py
	$(BIN)/python bench/memory.py 10000 50000
	$(BIN)/python bench/warm_run.py
	$(BIN)/python bench/kills.py --kills 10 --samples 5000
	$(BIN)/python bench/fuzz.py --bodies 100000
	$(BIN)/python bench/summary.py

lock: $(INSTALLED) ## update requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes --all-extras \
	  --no-annotate --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml -o requirements.lock

clean: ## remove the demo's folders and what runs stored in .parity/ and data/; reports/ and samples stay
	rm -rf .parity $(addprefix data/,samplesets embeddings parity stability contracts confirmations reproductions \
	  diagnoses verdicts staging retrieve through-adapter)
