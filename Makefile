# What people and CI run. Every target works on a fresh checkout: it sets up first what it needs.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test faults soak bench check lock clean

# The tests and the demo start many processes, and without compiled files each would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

setup: ## make .venv, with exactly the locked dependencies
	@deploy/setup

demo: setup ## see the whole system at work, with a real RabbitMQ (ARGS="...": options of bridge demo)
	@deploy/with-rabbitmq $(BIN)/bridge demo $(ARGS)

test: setup ## all tests, with a real RabbitMQ and PostgreSQL (ARGS="...": options of pytest)
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest $(ARGS)

faults: setup ## accidents to several replicas at once: killed, put to sleep, cut off from the database
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest -m faults $(ARGS)

soak: setup ## what takes minutes: short-lived tokens under load, 100,000 watched orders, memory over millions of events
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest -m soak $(ARGS)

bench: setup ## measure the bridge next to what the broker can take and to its peers (ARGS="...": its options)
	@deploy/with-rabbitmq $(BIN)/python -m tests.bench $(ARGS)

check: setup ## lint, format, types, import rules, unused and missing dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

# Without the index's address: whoever installs takes the packages from where they may, the hashes say which. editables
# is what hatchling needs for `pip install -e`; it asks for it only where the build is isolated, and then unhashed.
lock: $(BIN)/uv ## write requirements.lock anew from pyproject.toml (ARGS=--upgrade: newer versions)
	echo editables | $(BIN)/uv --no-config pip compile pyproject.toml - --extra sandbox --extra dev --universal \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock $(ARGS)

$(BIN)/uv:
	@deploy/setup

clean: ## remove what the other targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
