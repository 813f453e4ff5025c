# The only tools needed are a POSIX shell, make and Python 3.11 or newer. The first run of a target fetches what
# the lock files name into .venv and checks each file's hash; later runs start at once.
#
#   PYTHON=python3.13   which interpreter .venv is made of
#   ARGS="..."          more arguments for the command behind a target
#   WORKERS=4           how many tests run side by side; one more than there are cores, since the tests that look
#                       through a browser or kill a desk leave a third of theirs idle
#   ROUNDS=3            how often `journeys` does them

ARGS ?=
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)
ROUNDS ?= 20
python := .venv/bin/python
compile := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate $(if $(UPGRADE),--upgrade)

export PYTHON
export HYPOTHESIS_STORAGE_DIRECTORY ?= .cache/hypothesis
# What Python compiles is kept beside neither source nor packages but in .cache, even where the environment forbids the
# usual places: without it every worker compiles all tests anew, and each of some forty desks all that it imports.
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.cache/bytecode
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo run test journeys fuzz bench screenshots check lock clean runtime dev

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s  %s\n", $$1, $$2}' Makefile

demo: runtime  ## a desk with invented people and telephones that ring, in the browser
	@$(python) -m helpdesk demo $(ARGS)

run: runtime  ## the desk itself; `.venv/bin/python -m helpdesk --help` lists the other commands
	@$(python) -m helpdesk serve $(ARGS)

test: dev  ## every test, with a real Chromium, PostgreSQL and IMAP server
	@$(python) -m tests.chromium
	@$(python) -m tests.postgres --check
	@$(python) -m tests.dovecot
	@$(python) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

journeys: dev  ## the ten things that agents do most, in a real Chromium, ROUNDS=20 times
	@$(python) -m tests.chromium
	@failed=0; for round in $$(seq $(ROUNDS)); do \
	    $(python) -m pytest -q -n 2 -m daily $(ARGS) tests/journeys/*_in_the_browser.py || failed=$$((failed + 1)); \
	    echo "round $$round of $(ROUNDS): $$failed with a failure so far"; \
	done; test $$failed -eq 0

fuzz: dev  ## look for mails that the reader fears; ARGS="--seconds 600" for longer
	@$(python) -m tests.hostile.fuzz $(ARGS)

bench: dev  ## the benchmark
	@$(python) -m tests.bench $(ARGS)

screenshots: dev  ## pictures of every page, in .cache/screenshots
	@$(python) -m tests.chromium
	@$(python) -m tests.screenshots $(ARGS)

check: dev  ## the linter, the formatter and the type checker
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy

lock: dev  ## write the lock files anew; UPGRADE=1 takes the newest versions
	@$(compile) --output-file requirements.lock pyproject.toml
	@$(compile) --output-file requirements-dev.lock --constraints requirements.lock --group dev pyproject.toml
	@echo uv | $(compile) --output-file uv.lock.txt -
	@! grep -nE '://|file:' requirements.lock requirements-dev.lock uv.lock.txt

clean:  ## remove .venv, caches and built files
	@rm -rf .venv .cache dist .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime:
	@sh .ci/setup runtime

dev:
	@sh .ci/setup dev
