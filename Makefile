# Every target does its own set-up: a .venv in the checkout, from pyproject.toml and constraints.txt.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help setup demo test faults lint check format bench schemas reference clean

help:           ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with everything that the project and its tests need

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/andon warm-up
	@touch $@

demo: $(STAMP)  ## watch a simulated line being watched, for about a minute
	$(BIN)/andon demo

test: $(STAMP)  ## all tests; says aloud which could not run here
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/integration tests/faults
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/integration --ignore tests/faults

faults: $(STAMP) ## the fault suite in full, for hours; docs/reliability.md says what it showed
	ANDON_FULL=1 ANDON_REQUIRE_KAFKA=1 $(BIN)/python -m pytest --timeout 7200 tests/faults

lint: $(STAMP)  ## style, import contracts, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint test ## what CI runs

format: $(STAMP) ## put the code into the one style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(STAMP) ## write the JSON Schemas of the wire contract to docs/schemas
	$(BIN)/andon schema --out docs/schemas

reference: $(STAMP) ## write the pages of settings and commands from the code
	$(BIN)/python -m andon.reference docs/settings.md
	$(BIN)/python -m andon.command_reference docs/commands.md

bench: $(STAMP) ## run the benchmarks; results are kept in benchmarks/RESULTS.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/speed.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/skill.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/imputation.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/end_to_end.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/scale_out.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/memory.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/bosch.py --write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/explanation.py --write benchmarks/RESULTS.md

clean:          ## remove what can be made again
	rm -rf $(VENV) build dist out state .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
