# The only interface: a person and CI call nothing else. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r
LOCKS := tools/requirements
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-annotate
NOT_IN_WASM := $(addprefix --no-emit-package=,cffi cryptography pycparser)
WORKERS := node_modules/.installed build/.vendored build/bundles/.made
export PYTHONPATH := src:tools
export REDOCLY_TELEMETRY := off
unexport PYTHONDONTWRITEBYTECODE # hundreds of processes would each compile everything anew

.PHONY: help dev dev-workers sync migrate migration seed market new test test-fast soak check audit licences export erase register format openapi golden assets bundles dry-run deploy ready backup restore bench bench-workers bench-live bench-sync startup lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

dev: $(VENV)/.local ## Run an app at http://127.0.0.1:8787 (PORT=, STATE=, APP= override)
	@exec env LAUNCHER=$$PPID $(BIN)/python tools/dev.py

dev-workers: $(VENV)/.local $(WORKERS) assets ## The same in real workerd with real Pyodide (needs Node 22 or newer)
	@exec env LAUNCHER=$$PPID $(BIN)/python tools/dev_workers.py

sync: $(VENV)/.local ## Sync all vehicles now, with a progress bar (STATE= overrides)
	@exec $(BIN)/python tools/sync.py

migrate: $(VENV)/.local ## Bring the local database up to date (STATE=, APP= override)
	@$(BIN)/python -m edge.runtimes.local migrate $(or $(APP),core_tessie).app:app --state $(or $(STATE),.state$(addprefix /,$(filter-out core_tessie,$(APP))))

migration: $(VENV)/.dev ## Write the tables of a part of the kernel as an app's next migration (PART=accounts|audit|keys|tickets, APP=)
	@$(BIN)/python tools/part.py

seed: $(VENV)/.local $(if $(REMOTE),node_modules/.installed) ## Add an app's missing demonstration data (APP=, STATE=, REMOTE=, DRY=1, OVERWRITE=1)
	@$(BIN)/python tools/seed.py $(if $(REMOTE),--remote '$(REMOTE)') $(if $(DRY),--dry-run) $(if $(OVERWRITE),--overwrite)

market: $(VENV)/.local $(if $(REMOTE),node_modules/.installed) ## Load a mock market into klear_karma (SIZE=1000, SEED=, DAY=, STATE=, REMOTE=)
	@$(BIN)/python tools/mock_market.py

new: $(VENV)/.dev ## Write the skeleton of a new Worker with passing tests (APP=, such as vinyl_vault)
	@$(BIN)/python tools/new.py

test: $(VENV)/.dev $(WORKERS) assets ## Run all tests, a part of them in workerd too
	$(BIN)/python -m pytest -q -n auto -m "not soak" --durations 5

test-fast: $(VENV)/.dev ## Run a minute of tests: those without servers and long files
	$(BIN)/python -m pytest -q -n auto -m "not slow and not soak"

soak: $(VENV)/.soak $(WORKERS) assets ## Run the tests that take minutes, and all in workerd; `TESTS=` selects
	$(BIN)/python -m pytest -q -m soak $(TESTS)

check: $(VENV)/.dev ## Lint, check formats and types, and compare the OpenAPI documents with the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=src:tools $(BIN)/lint-imports --no-logo
	$(BIN)/python tools/openapi.py --check
	$(BIN)/python tools/zones.py --check
	$(BIN)/python tools/prose.py
	$(BIN)/python tools/migration_check.py
	@$(BIN)/python tools/audit.py

audit: $(VENV)/.dev ## List known vulnerabilities of the locked packages, if the databases can be reached
	@$(BIN)/python tools/audit.py

licences: $(VENV)/.dev $(WORKERS) ## List the licences of all packages at run time
	@$(BIN)/python tools/licences.py

export: $(VENV)/.local ## Write all data of a service's owner into a ZIP file (URL=, KEY=, FILE=)
	@$(BIN)/python tools/owner_data.py export

erase: $(VENV)/.local ## Remove all data of a service's owner, after a confirmation (URL=, KEY=)
	@$(BIN)/python tools/owner_data.py erase

register: $(VENV)/.local ## Register the bot's commands at Discord, after showing the changes (GUILD= for one guild, DRY=1 to only show)
	@$(BIN)/python tools/register.py

format: $(VENV)/.dev ## Format the code and apply the linter's fixes
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

openapi: $(VENV)/.dev ## Write openapi/ from the code
	$(BIN)/python tools/openapi.py

golden: $(VENV)/.dev $(WORKERS) assets ## Write the golden files: OpenAPI, schemas, access tables, loaded modules
	$(BIN)/python tools/openapi.py
	$(BIN)/python tools/zones.py
	GOLDEN=write $(BIN)/python -m pytest -q -m golden

bundles: build/bundles/.made ## Bundle packages from npm that pages of devcapsules use (needs npm)

assets: $(VENV)/.local
	@$(BIN)/python tools/build_assets.py >/dev/null

dry-run: $(VENV)/.dev $(WORKERS) assets ## Build the upload of a deployment, bound its size, and measure its start (ROUNDS=)
	@$(BIN)/python tools/upload.py
	@PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.startup --rounds $(or $(ROUNDS),1)

deploy: $(VENV)/.dev $(WORKERS) ## Build and check a Worker, migrate and deploy it, and check its health (ENV=staging, URL=)
	@$(BIN)/python tools/deploy.py '$(ENV)'

ready: $(VENV)/.dev ## List what an environment lacks before a deployment (ENV=klear-karma-staging)
	@$(BIN)/python tools/ready.py '$(ENV)'

backup: $(VENV)/.local ## Write the rows of a database table by table (FILE=, APP=, STATE=, or ENV= at Cloudflare)
	@$(BIN)/python tools/table_backup.py backup

restore: $(VENV)/.local ## Write a backup's rows into a database that is new and migrated (FILE=, APP=, STATE=, or ENV=)
	@$(BIN)/python tools/table_backup.py restore

bench: $(VENV)/.bench ## Compare this kernel with others by CPU time, and measure live events, on this machine
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.rows
	PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.data
	$(BIN)/python -m benchmarks.accounts
	$(BIN)/python -m benchmarks.execution
	$(BIN)/python -m benchmarks.live

bench-workers: $(VENV)/.bench $(WORKERS) ## Compare this kernel with others in workerd
	PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.workers
	PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.first_answer
	PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.startup --first

bench-live: $(VENV)/.dev $(WORKERS) ## Measure live events in workerd
	PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.live --workers --connections 100,500,1000

bench-sync: $(VENV)/.dev ## Measure syncs of 1 to 100 cars with a year each (CARS=1,10,100,1000)
	@PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.sync_scale --cars $(or $(CARS),1,10,100)

startup: $(VENV)/.dev $(WORKERS) ## Measure the unprepared start of every Worker in workerd, and bound it
	@PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks.startup

lock: $(VENV)/.dev ## Resolve the dependency groups of pyproject.toml into hashed requirements
	@$(COMPILE) --python-version 3.12 --group local -o $(LOCKS)/local.txt
	@$(COMPILE) --python-version 3.12 --group dev -c $(LOCKS)/local.txt -o $(LOCKS)/dev.txt
	@for group in soak bench deploy; do \
	  $(COMPILE) --python-version 3.12 --group $$group -c $(LOCKS)/dev.txt -o $(LOCKS)/$$group.txt || exit 1; done
	@for group in worker bench-kinglet bench-fastapi; do \
	  $(COMPILE) --python-version 3.14 --group $$group $(NOT_IN_WASM) -o $(LOCKS)/$$group.txt || exit 1; done
	@grep -A2 workers-runtime-sdk $(LOCKS)/worker.txt > $(LOCKS)/bench-bare.txt

clean: ## Remove everything that make has built, but not the state
	rm -rf $(VENV) node_modules python_modules build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.12 or newer is needed" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: $(VENV)/bin/python $(LOCKS)/local.txt
	@echo "installing what the app runs on …"
	@$(INSTALL) $(LOCKS)/local.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.local $(LOCKS)/dev.txt
	@echo "installing what builds and tests it …"
	@$(INSTALL) $(LOCKS)/dev.txt
	@touch $@

$(VENV)/.soak: $(VENV)/.dev $(LOCKS)/soak.txt
	@$(INSTALL) $(LOCKS)/soak.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev $(LOCKS)/bench.txt
	@$(INSTALL) $(LOCKS)/bench.txt
	@touch $@

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "error: npm is needed for the Workers ring: install Node 22 or newer" >&2; exit 2; }
	@echo "installing workerd, Pyodide and wrangler …"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build/bundles/.made: node_modules/.installed $(wildcard tools/bundles/*.mjs)
	@node tools/bundles/build.mjs
	@touch $@

build/.vendored: $(VENV)/.local $(LOCKS)/worker.txt
	@echo "installing what a Worker carries …"
	@$(BIN)/python tools/pyedge/vendor.py
	@touch $@
