# `make` alone lists the verbs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# A package index set for some other project must not decide what is installed here, nor be written into a lock file.
unexport UV_DEFAULT_INDEX UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL
# The first Python of at least 3.11 that really runs: a version manager's shim may stand in the way and run nothing.
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done),$(error 需要 Python 3.11 或更新的版本，这里没有找到。请安装后再试，例如：apt-get install python3))
HOTLINE := .venv/bin/hotline
NLU ?= embedded
export HOTLINE_NLU = $(NLU)
SETUP_NLU := $(if $(filter rasa,$(NLU)),$(PYTHON) scripts/setup_rasa.py,:)

.PHONY: help run chat setup test check lint train screenshots bench clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

run: ## set up what is missing and start the product at http://127.0.0.1:8000 (NLU=rasa: with Rasa)
	@$(PYTHON) scripts/setup.py run
	@$(SETUP_NLU)
	@exec $(HOTLINE) serve --setup

chat: ## talk to the assistant in the terminal
	@$(PYTHON) scripts/setup.py run
	@$(SETUP_NLU)
	@$(HOTLINE) setup
	@exec $(HOTLINE) chat

setup: ## install everything, the test tools too
	@$(PYTHON) scripts/setup.py test

test: ## set up and run every test
	@$(PYTHON) scripts/setup.py test
	@$(MAKE) --no-print-directory lint
	@.venv/bin/pytest -p no:cacheprovider -n 2 --dist loadfile

check: ## the quick tests, within a minute
	@$(PYTHON) scripts/setup.py check
	@$(MAKE) --no-print-directory lint
	@.venv/bin/pytest -m "not slow" -n 2

lint: ## style, types and import rules
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@said=$$(.venv/bin/lint-imports --no-logo --no-cache 2>&1) || { echo "$$said"; exit 1; }

train: ## train the embedded interpreter from nlu/data
	@$(HOTLINE) train

screenshots: ## pictures of every page at 360 and 1440 px into docs/images, and the conversation in README.md
	@$(PYTHON) scripts/setup.py test
	@.venv/bin/python scripts/screenshots.py
	@.venv/bin/python scripts/transcript.py

bench: ## the figures of docs/benchmarks.md
	@.venv/bin/python bench/turns.py

clean: ## remove what was installed and written here; data in var/ stays
	rm -rf .venv .venv-rasa node_modules .pytest_cache .mypy_cache .ruff_cache
