# `make turn` installs and runs a turn of the flywheel; `make test` installs and passes the tests.
#   PYTHON=python3.12   another interpreter        TORCH_INDEX=URL   an index of CPU-only torch builds
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
INSTALL := $(VENV)/bin/python -m pip install --quiet

.PHONY: turn test lint types install check clean
turn: install
	@dvc repro
	@flywheel summary

test: $(VENV)/.test lint types
	@python -m pytest

lint: $(VENV)/.test
	@ruff check . && ruff format --check .

types: $(VENV)/.test
	@mypy

install: check $(VENV)/.turn

check:
	@command -v git >/dev/null || { echo "git is missing: install it, then run make again" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed and $(PYTHON) is not: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make an environment: install its venv (on Debian python3-venv), run make again" >&2; exit 1; }
	@git rev-parse --git-dir >/dev/null 2>&1 || \
	  { echo "not a git clone, and DVC needs one: git init && git add -A && git commit -qm start, then run make again" >&2; exit 1; }

$(VENV)/.turn: pyproject.toml constraints.txt | check
	@echo "installing into $(VENV) (a few minutes the first time)" >&2
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV)
	@$(if $(TORCH_INDEX),$(INSTALL) --no-deps --index-url $(TORCH_INDEX) torch,:)
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.turn
	@$(INSTALL) -e '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .flywheel data models report
