# Marsad. Each target sets up what it needs; `make help` lists them.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
export MARSAD_HOME ?= $(CURDIR)/.marsad
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help serve test check format lint lock bench clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.serve ## Install what is needed, then compile, validate and serve the graph (PORT=8000)
	@PORT=$(PORT) $(BIN)/marsad serve

test: $(VENV)/.test ## Install what is needed, then run linters, type checks and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

check: $(VENV)/.serve ## Compile the facts and hold them against the shapes and the data tests
	$(BIN)/marsad check

lint: $(VENV)/.test ## Linters and type checks alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test ## Bring code and Turtle into their canonical form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m service.rdf.turtle ontology/*.ttl ontology/examples/*/*.ttl

bench: $(VENV)/.test $(VENV)/.bench ## Run the benchmarks and print ratios (see tests/benchmarks/README.md)
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.rest

lock: $(VENV)/.test ## Write the lock files anew from pyproject.toml
	$(BIN)/pip install --quiet uv==0.13.9
	$(BIN)/python -m tests.packaging.lock

clean: ## Remove the virtual environment and the caches, not the state
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The interpreter must be 3.11 or newer; say so instead of failing inside an installation.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Marsad needs Python 3.11 or newer; set PYTHON, as in: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: service/requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --require-hashes --requirement service/requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: tests/requirements.lock $(VENV)/.serve
	$(BIN)/pip install --quiet --require-hashes --requirement tests/requirements.lock
	@touch $@

# A server to compare with, in an environment of its own: it brings what this one must not have.
$(VENV)/.bench: tests/benchmarks/requirements.lock $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/rdflib-endpoint
	$(VENV)/rdflib-endpoint/bin/pip install --quiet --require-hashes --requirement tests/benchmarks/requirements.lock
	@touch $@
