# `make demo` and `make test` set up everything they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# files of tests are shared out among processes; more than four wait for memory
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile
# what promises equal bits is tested as it is compiled for users; the rest compiles in
# half the time, and runs slower
EXACT := tests/training tests/study tests/automl tests/optimizers/test_contract.py
QUICKLY := THALWEG_TESTS_COMPILE=quickly $(PYTEST) $(EXACT:%=--ignore=%)

.PHONY: demo test test-all check check-static format clean

demo: $(READY)  ## the main job on a real table, about 60 s
	$(BIN)/python examples/demo.py

test: $(READY)  ## every test but the exhaustive ones
	$(QUICKLY) -m "not exhaustive"
	$(PYTEST) -m "not exhaustive" $(EXACT)

test-all: $(READY)  ## every test there is, all of them as compiled for users
	$(PYTEST)

check: check-static  ## format, lint, types and the fast tests
	$(QUICKLY) -m "not slow and not exhaustive"
	$(PYTEST) -m "not slow and not exhaustive" $(EXACT)

check-static: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable .
	touch $(READY)

clean:
	rm -rf $(VENV) build dist src/*.egg-info
