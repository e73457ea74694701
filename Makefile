# Everything sets itself up: `make run` on a fresh clone needs Python >= 3.11 and pip's package index, nothing else.
# Another interpreter: `make run PYTHON=/path/to/python`. Another place for the environment: `make test VENV=/path`.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14 python
CONSTRAINTS := constraints.txt

DEMOS ?= examples/pendulum_demos.npz
RUN_OUT ?= runs/pendulum
RUN_COMMAND ?= triality irl --env Pendulum-v1 --demos $(DEMOS) --algorithm gan-gcl --level trajectory --num-demos 5 --seeds 1 --out $(RUN_OUT) --overwrite
PYTEST_ARGS ?=
TEST_PROCESSES ?= auto

.DEFAULT_GOAL := help
.PHONY: help run paper test test-slow test-faults lint format docs readme clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

run: $(VENV)/.installed-run ## learn a cost and a policy from the demonstrations that ship with the project
	$(BIN)/$(RUN_COMMAND)

paper: $(VENV)/.installed-run ## measure every numbered claim of the paper on this machine
	$(BIN)/triality paper

test: $(VENV)/.installed-dev ## all fast tests and every doctest
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev ## the learning tests
	XLA_FLAGS=--xla_cpu_multi_thread_eigen=false $(BIN)/python -m pytest -m slow -o faulthandler_timeout=0 $(PYTEST_ARGS)

test-faults: $(VENV)/.installed-dev ## kills, damaged files and sabotaged mathematics, at length
	$(BIN)/python -m pytest -m faults --numprocesses $(TEST_PROCESSES) --dist worksteal -o faulthandler_timeout=0 $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## style, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.installed-dev ## rewrite the files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-docs ## build the documentation into docs/_build/html, warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "documentation: docs/_build/html/index.html"

readme: $(VENV)/.installed-run ## run the README's commands in a scratch folder
	$(BIN)/python .ci/readme.py

clean: ## remove the environment, the caches and what was built; keeps runs/
	rm -rf $(VENV) docs/_build docs/api/_generated build dist .pytest_cache .ruff_cache .jax_cache
	find src tests benchmarks examples .ci -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp a set of extras: a repeated call installs nothing unless the requirements changed, nor does a set within the one for the documentation.
EXTRAS_run := envs
EXTRAS_dev := envs,demos,export,video,flows,samplers,sklearn,tables,ot,text,dev
EXTRAS_docs := $(EXTRAS_dev),docs
.PRECIOUS: $(VENV)/.installed-%
$(VENV)/.installed-%: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@if [ ! $(VENV)/.installed-docs -nt pyproject.toml ] || [ ! $(VENV)/.installed-docs -nt $(CONSTRAINTS) ]; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[$(EXTRAS_$*)]'; \
	fi
	@touch $@

$(BIN)/python:
	@for candidate in $(PYTHON); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "expected Python >= 3.11 with its venv module, found none among: $(PYTHON)"; \
	  echo "install one (on Debian or Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python"; \
	  exit 1; \
	fi; \
	echo "setting up $(VENV) with $$("$$found" --version); the first time takes a minute or two"; \
	"$$found" -m venv $(VENV)
