PYTHON ?= python3.11
PORT ?= 8000
BIN := .venv/bin
RUN := .venv/ready-to-run
DEV := .venv/ready-to-work
ENTRIES ?= 10000 50000
OVERLAPS ?= 10000 50000 100000

.DEFAULT_GOAL := help
.PHONY: help demo test lint nightly bench bench-overlaps pictures messages lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- the surroundings: remade when their lock or the project's own description is newer

.venv/bin/python:
	@$(PYTHON) -m venv .venv || { echo "$(PYTHON) with its venv module is needed (on Debian: apt-get install python3-venv)"; rm -rf .venv; exit 1; }

$(RUN): requirements.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(RUN)

# --- the two commands

demo: export COORDINATOR_ENV := development
demo: export COORDINATOR_BASE_URL := http://127.0.0.1:$(PORT)
demo: $(RUN) ## a small ministry to try, on PORT (8000); Ctrl-C stops everything
	@$(BIN)/coordinator db upgrade
	@$(BIN)/coordinator demo load
	@exec $(BIN)/coordinator demo serve --port $(PORT)

test: $(DEV) ## the whole suite, on SQLite and again on a PostgreSQL that it starts itself
	$(BIN)/pytest -n auto -q --dist worksteal
	$(BIN)/pytest -n auto -q --dist worksteal --database postgresql

# --- the rest

lint: $(DEV) ## style, types, floors, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates

nightly: export COORDINATOR_KILLS := 200
nightly: $(DEV) ## every round at its full length, on both databases, with 200 kills of the web process
	$(BIN)/pytest -n auto -q --dist worksteal --nightly
	$(BIN)/pytest -n auto -q --dist worksteal --nightly --database postgresql

bench: $(DEV) ## how long things take with ENTRIES (10000 50000), on both databases
	$(BIN)/python -m benchmarks.pages $(ENTRIES)

bench-overlaps: $(DEV) ## what finding overlaps costs with OVERLAPS entries, made from the papers of CORPUS.jsonl.gz
	$(BIN)/python -m benchmarks.overlaps $(CORPUS) $(OVERLAPS)

pictures: $(DEV) ## take the pictures of README.md anew, of a demo of their own (with Chromium)
	$(BIN)/python -m benchmarks.pictures

messages: $(DEV) ## take out the sentences of the interface for translation, into var/messages.pot
	@mkdir -p var
	$(BIN)/pybabel -q extract -F config/babel.cfg -k N_ -k _l -k lazy_gettext -o var/messages.pot .

lock: ## pin all packages anew, with hashes and without addresses
	uv pip compile --universal --generate-hashes --python-version 3.11 --upgrade pyproject.toml --extra postgres --extra build -o requirements.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --upgrade pyproject.toml --extra postgres --extra build --extra dev -o requirements-dev.lock

clean: ## forget the demo and all that was built
	rm -rf .venv var dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
