# Every target works in a fresh clone: it first sets up what it needs, once.

BIN := .venv/bin
TEST_PROCESSES ?= 2
# Hundreds of processes load the same modules: each compiled them anew where this keeps Python from keeping them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup check test demo serve bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with everything pinned; a second run installs nothing
	@infra/setup/setup.sh

check: setup ## format, lint, types, import contract, shell and Terraform
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict shared functions infra tests
	$(BIN)/lint-imports
	infra/setup/check-shell.sh
	infra/setup/check-terraform.sh

test: setup ## all tests that need no cloud; what is skipped is named with its reason
	infra/setup/browser.sh
	infra/setup/clients.sh
	$(BIN)/python -m pytest -rs -n $(TEST_PROCESSES)

demo: setup ## two days of refreshes on this machine, with a proof that targets equal sources
	$(BIN)/python -m infra.local demo

serve: setup ## the embedded stack, kept running until Ctrl-C
	mkdir -p .data
	$(BIN)/python -m infra.local up --env-file .data/serve.env

bench: setup ## the benchmark, as a table and as JSON
	$(BIN)/python -m tests.bench

lock: ## compile the requirements files anew from pyproject.toml
	infra/setup/lock.sh

clean: ## remove .venv, local data and caches
	rm -rf .venv .data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
