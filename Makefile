# `make demo` and `make test` set up everything they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# files of tests are shared out among processes; more than four wait for memory
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test check check-static format clean

demo: $(READY)  ## the main job on a real table, about 60 s
	$(BIN)/python examples/demo.py

test: $(READY)  ## every test, the slow ones too
	$(PYTEST)

check: check-static  ## format, lint, types and the fast tests
	$(PYTEST) -m "not slow"

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
