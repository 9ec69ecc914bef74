# What a newcomer and CI run. Everything happens in .venv, with the versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 3000
JOBS ?= 2
PYTHONS ?= python3.11 python3.12 python3.13
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

help:  ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

run: .venv/ran  ## ingest latest_models/ into the embedded catalog and show what is in it
	@$(BIN)/ghost-pipeline ingest

ui: .venv/ran  ## the Dagster UI and daemon on 127.0.0.1:$(PORT), sensor and schedules running
	@$(BIN)/ghost-pipeline ui --port $(PORT)

test: .venv/browser  ## every test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-all: $(PYTHONS:%=test-with-%)  ## every test on each of PYTHONS="python3.11 python3.12 python3.13"

test-with-%: .venvs/%/dev
	.venvs/$*/bin/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: .venv/dev  ## ruff, mypy (strict), the import contracts and the definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/dg check defs

docs-reference: .venv/dev  ## regenerate the pages of docs/ that come from the program itself
	@$(BIN)/python -m documentation

docs: .venv/docs docs-reference  ## build the site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pictures: .venv/browser  ## take the pictures of the UI in docs/ anew
	@$(BIN)/python -m documentation.pictures

bench: .venv/dev  ## the measurements behind the README's numbers
	$(BIN)/python -m benchmarks

simulate: .venv/dev  ## a seeded world with faults around the real catalog; ARGS="--seed 3 --days 365 --story"
	$(BIN)/python -m simulation $(ARGS)

simulate-mutants: .venv/dev  ## switch each safeguard off and show that the simulation finds it
	$(BIN)/python -m simulation.mutants

clean:  ## remove the virtual environment and the embedded catalog
	rm -rf .venv .venvs .ghost

.venv/browser: .venv/dev
	@if $(BIN)/python -m ghost_pipeline_tests.ui.browser; then touch $@; fi  # without one, these tests are skipped

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/ran: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv ..." >&2
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv ..." >&2
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/ran

.venv/docs: .venv/dev
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

.PRECIOUS: .venvs/%/bin/python .venvs/%/dev

.venvs/%/bin/python:
	$* -m venv .venvs/$*

.venvs/%/dev: .venvs/%/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venvs/$* ..." >&2
	@.venvs/$*/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: help run ui test test-all check docs-reference docs pictures bench simulate simulate-mutants clean
