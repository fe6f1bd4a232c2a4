# `make demo` and `make test` set everything up by themselves; see README.md.
STACK ?= onedl
# One process for each of up to four cores; a process needs 1-2 GB.
PYTEST_ARGS ?= -n auto --maxprocesses=4 --dist loadfile
PYTHON ?= $(shell command -v python3 || command -v python)
VENV := $(if $(filter onedl,$(STACK)),.venv,.venv-$(STACK))
BIN := $(VENV)/bin

.PHONY: help env demo test smoke test-slurm lint format docs clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    pretrain, transfer, detect and evaluate on handwritten digits (work_dirs/demo)'
	@echo 'make test    run the tests                STACK=openmmlab or classic: with that stack'
	@echo 'make smoke   run a few of them: each way to mix, a resume, a strict load by stock mmdet'
	@echo 'make test-slurm    run the tests that need a Slurm, on one that it installs and starts (root, Debian)'
	@echo 'make lint    check with ruff and mypy     make format: let ruff mend it'
	@echo 'make docs    build the site               docs/_build/html/index.html'
	@echo 'make env     only set up $(VENV), and Snakemake in .venv-experiments'

env:
	@$(PYTHON) tools/setup_env.py --stack $(STACK)

demo: env
	@$(BIN)/python tools/demo.py

test: env
	@$(BIN)/python -m pytest -q $(PYTEST_ARGS)

smoke: env
	@$(BIN)/python -m pytest -q -m smoke

test-slurm: env
	@tests/slurm/run $(BIN)/python -m pytest -q $(PYTEST_SLURM_ARGS)

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: env
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

docs: env
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'The site is docs/_build/html/index.html'

clean:
	rm -rf work_dirs/demo docs/_build
