# `make demo` runs the service on sample data, `make test` proves it. Each does its own set-up: Python 3.11 and
# python3-venv are all it needs.

# The system's own Python where it will do: distributions compile theirs by profile, and the ledger works a quarter
# less in it than in one that was built without, as version managers build by default.
FIT = import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell /usr/bin/python3 -c '$(FIT)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
SIZE ?= full
export SIZE PEERS

.PHONY: help demo test check fuzz bench wheel sbom audit setup clean openapi moved

## help: this list
help:
	@sed -n 's/^## /make /p' $(firstword $(MAKEFILE_LIST))

## demo: serve on 127.0.0.1 from DATA (default demo-data); PORT and PEOPLE as in `python -m ledger demo --help`
demo: setup
	@.venv/bin/python -m ledger demo --data $(or $(DATA),demo-data) $(if $(PORT),--port $(PORT)) $(if $(PEOPLE),--people $(PEOPLE))

## test: everything, on SQLite and on a real PostgreSQL side by side; ARGS go to pytest, --fast takes a minute
test: setup
	@.venv/bin/python -m tests $(ARGS)

## fuzz: the tests with chance in them, from fresh seeds for MINUTES (10); says how to repeat what fails
fuzz: setup
	@.venv/bin/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(ARGS)

## check: style, types, layering, models against migrations on both databases, openapi.json
check: setup
	@.venv/bin/python -m tests.check

## bench: the same work here, on the database's own limit and, with PEERS=1, on a peer; SIZE=small takes a quarter of an hour
bench: setup
	@.venv/bin/python -m bench

## openapi: write api/openapi.json anew
openapi: setup
	@.venv/bin/python -m api > api/openapi.json.new && mv api/openapi.json.new api/openapi.json

## wheel: dist/*.whl, which migrates and serves without the repository; docs/install.md tells how
wheel: setup
	@.venv/bin/python -m hatchling build -t wheel

## sbom: dist/sbom.json, every package that an installation gets, as CycloneDX has it
sbom: setup
	@.venv/bin/python -m tests.sbom dist/sbom.json

## audit: the same packages against published advisories, by pip-audit where it is; ADVISORIES=FILE for a list of yours
audit: setup
	@.venv/bin/python -m tests.audit $(if $(ADVISORIES),--advisories $(ADVISORIES)) $(ARGS)

## setup: .venv with the pinned packages
setup: .venv/.stamp

# A .venv that was made elsewhere and came along with a copy of the folder points at the other folder.
ifneq ($(shell cat .venv/.stamp 2>/dev/null),$(CURDIR))
.venv/.stamp: moved
endif

.venv/.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv (as root), or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "python3-venv is missing: apt-get install python3-venv (as root), then try again" >&2; exit 1; }
	@echo "setting up .venv; a minute or two the first time" >&2
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
	@.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@printf '%s\n' "$(CURDIR)" > $@

## clean: remove what make made, except the data of the demo
clean:
	rm -rf .venv bench/out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
