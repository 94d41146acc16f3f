# The one entry point. `make help` lists every target. Details are in ops/.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BIN := .venv/bin
# `make migrate CAPATAZ_DSN=...` deploys anywhere; without it, to the development cluster
CAPATAZ_DSN ?=
DB ?= capataz

.PHONY: help up down reset dsn psql migrate dist demo demo-failover dashboard screenshots test test-pgtap test-py fuzz lint check format bench build docs freeze venv deps clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## start the private development cluster (Debian's PostgreSQL, pg_cron preloaded) and deploy to it
	@ops/dev-up

down: ## stop the development cluster (its data stays; ops/cluster down dev --destroy removes it)
	@ops/cluster down dev

reset: ## make the development cluster's database anew, empty (the cluster stays)
	@ops/dev-up --reset

dsn: ## print the URL of the development cluster's superuser, and nothing else
	@ops/cluster dsn dev $(DB)

psql: ## open psql in the development cluster
	@psql "$$(ops/cluster dsn dev $(DB))"

migrate: ## deploy schema and code to CAPATAZ_DSN (default: the development cluster)
	@ops/venv runtime
	@dsn="$(CAPATAZ_DSN)"; [ -n "$$dsn" ] || dsn=$$(ops/cluster dsn dev $(DB)); \
	  CAPATAZ_DSN="$$dsn" $(BIN)/python -m capataz._cli_deploy migrate

dist: ## write dist/capataz-VERSION.sql, which installs with psql -f
	@ops/venv runtime
	@$(BIN)/python -m capataz._cli_deploy dist dist

demo: ## audit the licences of this machine's software with an embedded server; needs no root, no PostgreSQL
	@ops/venv runtime
	@$(BIN)/capataz demo

demo-failover: ## watch a module break and heal, with an embedded server; ARGS='--seconds 30' selects
	@ops/venv runtime
	@$(BIN)/capataz demo-failover $(ARGS)

dashboard: ## the development cluster's dashboard at http://127.0.0.1:8080/; ARGS='--port 0' adds options of capataz serve
	@ops/dashboard $(ARGS)

screenshots: ## make docs/screenshots anew, with a day of invented work in a database of the development cluster
	@ops/dev-up
	@ops/database dev capataz_screenshots
	@CAPATAZ_DSN="$$(ops/cluster dsn dev capataz_screenshots)" $(BIN)/python docs/build_screenshots.py

test: ## everything, on a throw-away cluster: lint, pgTAP, pytest (what CI runs)
	@ops/test all

test-pgtap: ## only the pgTAP tests, on a throw-away cluster; FILES='tests/pgtap/...' selects
	@ops/test pgtap $(FILES)

test-py: ## only pytest, on a throw-away cluster; ARGS='-k deploy' selects
	@ops/test py $(ARGS)

fuzz: ## schemathesis over the gateway, 5,000 requests and more (some minutes); REQUESTS=20000 selects
	@CAPATAZ_FUZZ=$(or $(REQUESTS),5000) ops/test py -s tests/py/test_gateway_fuzz.py

lint: ## ruff, mypy, squawk, pgspot, and the rules of replaceable SQL files
	@ops/venv dev
	@ops/lint/run

check: lint test-pgtap ## lint, and pgTAP with plpgsql_check over every routine

format: ## format the Python code
	@ops/venv dev
	@$(BIN)/ruff format python tests ops
	@$(BIN)/ruff check --fix python tests ops

bench: ## benchmarks on a throw-away cluster with fsync on; ARGS='lifecycle -- --seconds 10' selects
	@ops/bench $(ARGS)

docs: ## write docs/api.md from the comments in a deployed database (CAPATAZ_DSN, default: the development cluster)
	@ops/venv runtime
	@dsn="$(CAPATAZ_DSN)"; [ -n "$$dsn" ] || dsn=$$(ops/cluster dsn dev $(DB)); \
	  CAPATAZ_DSN="$$dsn" $(BIN)/python docs/build_api.py

build: ## the wheel, in dist/
	@ops/venv dev
	@$(BIN)/python -m build --wheel --outdir dist .

freeze: ## record the hash of every new migration as released
	@ops/venv runtime
	@$(BIN)/python -m capataz._cli_deploy freeze

venv: ## make or refresh .venv with the development dependencies
	@ops/venv dev

deps: ## install what the tests need from Debian (as root or with sudo)
	@ops/deps

clean: ## remove what make made in the checkout; clusters stay
	@rm -rf dist build .venv .venv.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find python tests ops -name __pycache__ -type d -prune -exec rm -rf {} +
