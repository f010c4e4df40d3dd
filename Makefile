# Cenote: everything a developer runs. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
VENV := .venv
PYTHON := $(VENV)/bin/python
# The program that the interop tests run; the same profile as the Rust tests, so that nothing is compiled twice.
export CENOTE_TEST_BIN ?= $(CURDIR)/target/debug/cenote
# Where botocore keeps the service models: tools/wiregen reads them.
models = $$($(PYTHON) -c 'import botocore, pathlib; print(pathlib.Path(botocore.__file__).parent / "data")')

ifeq ($(CI),true)
export CARGO_INCREMENTAL := 0
endif

.PHONY: help
help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: run
run: ## build and start Cenote on http://localhost:9400
	$(CARGO) run --release --locked --package cenote -- serve

.PHONY: test
test: test-generated test-rust test-interop ## install what the tests need and run them all

.PHONY: setup
setup: ## install what the tests need (apt as root or through sudo; Python and JavaScript packages)
	@scripts/setup-tests.sh

.PHONY: test-generated
test-generated: setup ## the generated code is what the generator makes of the models
	$(CARGO) run --quiet --locked --package wiregen -- --models "$(models)" --check

.PHONY: test-rust
test-rust: setup ## the tests of the crates
	$(CARGO) test --locked --workspace --no-fail-fast

.PHONY: test-interop
test-interop: setup ## the real program and real clients
	$(CARGO) build --locked --package cenote
	$(PYTHON) -m pytest interop

.PHONY: lint
lint: lint-rust lint-scripts lint-docs lint-dependencies ## formatting, clippy, Python, shell, documents, dependencies

.PHONY: lint-rust
lint-rust:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

.PHONY: lint-scripts
lint-scripts: setup
	$(VENV)/bin/ruff check --config interop/pyproject.toml interop scripts
	$(VENV)/bin/ruff format --check --config interop/pyproject.toml interop scripts
	$(VENV)/bin/shellcheck .ci/run scripts/*.sh

.PHONY: lint-docs
lint-docs: setup
	$(PYTHON) scripts/check-docs.py

.PHONY: lint-dependencies
lint-dependencies:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    $(CARGO) deny --offline check --hide-inclusion-graph bans licenses sources; \
	else \
	    echo "cargo-deny is not installed: deny.toml was not checked (cargo install --locked cargo-deny)"; \
	fi

.PHONY: format
format: ## format Rust and Python
	$(CARGO) fmt --all
	$(VENV)/bin/ruff format --config interop/pyproject.toml interop scripts
	$(VENV)/bin/ruff check --fix --config interop/pyproject.toml interop scripts

.PHONY: bench
bench: setup ## measure rates beside their limits on this machine
	scripts/bench.sh

.PHONY: generate
generate: setup ## write the generated code from the service models, and the pages that the program writes
	$(CARGO) run --quiet --locked --package wiregen -- --models "$(models)"
	$(CARGO) run --quiet --locked --package cenote -- operations --format markdown >docs/compatibility.md
	$(CARGO) run --quiet --locked --package cenote -- config reference >docs/configuration.md

.PHONY: lock-python
lock-python: ## lock interop/requirements.in with hashes (needs uv)
	cd interop && uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header \
	    --no-emit-index-url requirements.in --output-file requirements.txt
