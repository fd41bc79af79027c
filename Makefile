# Everything a developer or CI calls. Needs git, make, python3 (3.11 or newer) and python3-venv; nothing else.
#   make run [ARGS="..."]        set up, then start mxhub on embedded defaults
#   make test                    set up, bring the real servers, run every test
#   make check                   format, lint, types, import rules and the fast tests; under two minutes
#   make chaos N=25 SEED=1 FROM=0    make bench [ONLY=name]    make bench-rivals
#   make golden                  rewrite the golden files (review the diff like code)
#   make lock [LOCK=--upgrade]   resolve the dependencies anew
#   make setup, make dev, make servers, make build, make clean: the steps by themselves

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
N ?= 25
SEED ?= 1
FROM ?= 0
ONLY ?=
ARGS ?=
FAST := not integration and not acceptance and not chaos and not slow
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

# Each worker and each process that a test starts would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup dev run check lint unit test servers chaos bench bench-rivals docs golden lock build clean

help:
	@sed -n '2,/^$$/s/^#   //p' Makefile

# A stamp says that its step is done for the file it depends on, so that a second run needs no network and no time.
$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "mxhub needs Python 3.11 or newer as $(PYTHON); name another one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments; install its venv package: apt install python3-venv" >&2; exit 2; }
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.stamp-runtime: requirements.txt $(VENV)/.stamp-venv
	@echo "Installing what mxhub needs into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.stamp-project: pyproject.toml $(VENV)/.stamp-runtime
	@$(PIP) install --no-index --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.txt $(VENV)/.stamp-project
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.stamp-project

dev: $(VENV)/.stamp-dev

run: setup
	@exec $(BIN)/mxhub run $(ARGS)

lint: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: dev
	$(BIN)/pytest -q -n auto --dist loadgroup -m "$(FAST)"

check: lint unit

# Brings what can be brought; a server that cannot is named in the closing lines, not here.
servers: dev
	$(PY) -m tests.servers fetch

test: lint servers
	@$(PY) -m tests.servers.report --clear
	SERVERS_REPORT=build/servers-report.json $(BIN)/pytest -q -n auto --dist loadgroup -m "not chaos"
	SERVERS_REPORT=build/servers-report.json $(BIN)/pytest -q -m chaos tests/chaos
	$(MAKE) --no-print-directory chaos
	@$(PY) -m tests.servers.report
	@$(PY) -m tests.vendors.report

chaos: dev
	$(PY) -m tests.chaos --n $(N) --seed $(SEED) --from $(FROM)

bench: dev
	$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

bench-rivals: dev
	$(PY) -m tests.bench.rivals

# What is generated from the code; a test fails when it is stale.
docs: dev
	$(PY) -m hub.api.reference > docs/reference/api.md
	$(PY) -m core.api.reference > docs/reference/core-api.md
	$(PY) -m hub.cli.reference > docs/reference/cli.md
	$(PY) -m hub.telemetry.reference > docs/reference/metrics.md
	$(PY) -m tests.vendors.tables --write
	$(PY) -m core.engine.reference > docs/reference/engine.md
	$(PY) -m core.detectors.reference > docs/reference/detectors.md
	$(PY) -m hub.access.reference > docs/reference/access.md

golden: dev
	$(PY) -m tests.golden --write

# Resolves for every supported Python at once; requirements.txt also holds what installs the project itself.
lock: dev
	$(COMPILE) $(LOCK) --group dev pyproject.toml -o requirements-dev.txt
	$(COMPILE) $(LOCK) --group build -c requirements-dev.txt pyproject.toml -o requirements.txt
	$(COMPILE) $(LOCK) --group pyproject.toml:java -o tests/servers/requirements-java.txt

build: dev
	$(PY) -m hatchling build -d dist

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
