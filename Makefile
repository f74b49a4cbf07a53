# `make demo` and `make test` set up all they need: Python >= 3.11 and make suffice.
PYTHON ?= python3
BIN := .venv/bin
# Tests run on every core; set JOBS=0 for one process.
JOBS ?= auto

.PHONY: demo test bench lint types format clean

demo: .venv/installed
	$(BIN)/python train.py configs/digits.py --run.workdir runs/digits

test: .venv/installed-test
	$(BIN)/pytest -n $(JOBS) --dist worksteal

bench: .venv/installed-test
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.notebooks
	$(BIN)/python -m benchmarks.parity
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.layouts
	$(BIN)/python -m benchmarks.convert
	$(BIN)/python -m benchmarks.fuzz
	$(BIN)/python -m benchmarks.data
	$(BIN)/python -m benchmarks.augment
	$(BIN)/python -m benchmarks.kills
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.loop_costs
	$(BIN)/python -m benchmarks.step_profile
	$(BIN)/python -m benchmarks.products
	$(BIN)/python -m benchmarks.compile_times
	$(BIN)/python -m benchmarks.speed_by_turns vit_jax timm
	$(BIN)/python -m benchmarks.speed

lint: .venv/installed-check
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/installed-check .venv/installed-test
	$(BIN)/basedpyright

format: .venv/installed-check
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv runs

.venv/installed: pyproject.toml
	@echo "Installing into .venv (a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/installed-%: .venv/installed
	@echo "Installing what $* needs ..."
	@$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@
