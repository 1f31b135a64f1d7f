# make demo    run everything with demonstration data; PORT=8000, PDMP_HOME=.pdmp
# make test    every test; optional tools are installed when root, else their tests skip
# make check   format, lint, types, layers
# make bench   performance beside its yardsticks
# make schema  write gateway/store/schema.sql anew after a new migration
# make lock    write requirements.lock anew (needs uv)

PY := .venv/bin/python
# Tests of one file share their servers' databases: they stay on one worker.
PYTEST := .venv/bin/pytest -n logical --dist loadfile -q

.PHONY: help setup demo test check bench schema lock

help:
	@sed -n 's/^# make/make/p' Makefile

setup:
	@.ci/bootstrap

# exec: signals to make reach the demo itself, which stops all that it started.
demo: setup
	@exec .venv/bin/pdmp demo

test: setup
	@.ci/tools
	@exec $(PYTEST) $(TESTS)

check: setup
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup
	@exec $(PY) -m tests.bench

schema: setup
	@exec $(PY) -m tests.migrations.dump_schema

lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --no-annotate --python-version 3.11 --group dev --group bench \
	    pyproject.toml --output-file requirements.lock
