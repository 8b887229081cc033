# make demo   the starter pack through the whole pipeline, without a key
# make test   every test; sets up all that they need
# make check  format, lint, types, layers
# make bench  the benchmarks
# SYSTEM=no   installs nothing outside this folder and your cache; what then cannot run is skipped, visibly

SHELL := /bin/bash
SYSTEM ?= yes
export SYSTEM
BIN := .venv/bin
# Tests wait a good part of their time, for processes and for moments: more of them at one time than processors.
PYTEST_ARGS ?= -n 8 --dist loadgroup

.PHONY: help demo test check bench setup sandbox-tools test-tools ready format locks

help:
	@sed -n 's/^# //p' Makefile

setup:
	@scripts/setup.sh dev

sandbox-tools: setup
	@scripts/system/ensure-bubblewrap.sh
	@$(BIN)/upbench toolbox install

demo: sandbox-tools
	@$(BIN)/upbench demo

# With SYSTEM=no what is missing stays missing, and the tests that need it say so and are skipped.
test-tools: setup
	@scripts/system/ensure-bubblewrap.sh || [ "$(SYSTEM)" = no ]
	@$(BIN)/upbench toolbox install
	@scripts/system/ensure-compiler.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-postgres.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-docker.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-image.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-chromium.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-renderers.sh || [ "$(SYSTEM)" = no ]
	@scripts/system/ensure-compose.sh >/dev/null || [ "$(SYSTEM)" = no ]

# Where compiled code is not kept, each of thousands of processes compiles what it imports. It is kept beside what
# pytest keeps: not in folders that tests show to sandboxes.
ready test: export PYTHONDONTWRITEBYTECODE :=
ready test: export PYTHONPYCACHEPREFIX := $(CURDIR)/.pytest_cache/compiled
ready: test-tools
	@scripts/warm-tests.sh

test: ready
	@status=0; $(BIN)/pytest $(PYTEST_ARGS) || status=$$?; scripts/system/stop-docker.sh; exit $$status

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: sandbox-tools
	@$(BIN)/python -m benchmarks.trials
	@$(BIN)/python -m benchmarks.durable
	@$(BIN)/python -m benchmarks.sandbox
	@$(BIN)/python -m benchmarks.docker
	@$(BIN)/python -m benchmarks.transcript
	@$(BIN)/python -m benchmarks.rendering
	@$(BIN)/python -m benchmarks.review_screen
