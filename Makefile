# What people and CI run. Every target works on a fresh checkout: it sets up first what it needs.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test faults soak scale bench chart monitoring image check generate picture package lock clean

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

faults: setup ## accidents: APIs, broker, database and bridges that fail, are killed, put to sleep, cut off
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest -m faults $(ARGS)

soak: setup ## what takes minutes: short-lived tokens under load, 100,000 watched orders, memory over millions of events
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest -m soak $(ARGS)

scale: setup ## measure three replicas with 10,000 HER-ids and 100,000 orders, five minutes (ARGS="...": its options)
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/python -m tests.scale $(ARGS)

bench: setup ## measure the bridge next to what the broker can take and to its peers (ARGS="...": its options)
	@deploy/with-rabbitmq $(BIN)/python -m tests.bench $(ARGS)

chart: setup ## the chart by helm 3 and 4, the schemas of several Kubernetes versions, and policies
	@deploy/tools/setup
	$(BIN)/pytest -m chart $(ARGS)

image: setup ## build the image and run it as Kubernetes would, with real RabbitMQ and PostgreSQL (Debian, as root)
	@deploy/image/build
	@deploy/with-rabbitmq deploy/with-postgres $(BIN)/pytest -m image $(ARGS)

monitoring: setup ## alerts and dashboard on a real Prometheus that watches a real bridge (Debian)
	@deploy/tools/setup
	@command -v prometheus >/dev/null || deploy/apt-install prometheus
	@deploy/with-rabbitmq $(BIN)/pytest -m monitoring $(ARGS)

check: setup ## lint, format, types, import rules, unused and missing dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

generate: setup ## make anew what is made from code: the contract, schema and README of the chart's values, the dashboard
	@deploy/tools/setup
	$(BIN)/bridge contracts --out deploy/contracts
	$(BIN)/python -m deploy.chart.values_schema >helm/values.schema.json
	$(BIN)/python -m deploy.chart.readme >helm/README.md
	.venv-tools/bin/python -m deploy.monitoring.dashboard >helm/files/dashboard.json

picture: ## make the documentation's picture of the dashboard anew, from a run with failures
	@TEST_PICTURE=deploy/docs/dashboard.png $(MAKE) monitoring ARGS="-k bad_hour"

package: setup ## what a release has beside its image, into dist/ (IMAGE=… TAG=… DIGEST=sha256:…)
	@deploy/tools/setup
	@deploy/package "$(IMAGE)" "$(TAG)" "$(DIGEST)"

# Without the index's address: whoever installs takes the packages from where they may, the hashes say which. editables
# is what hatchling needs for `pip install -e`; it asks for it only where the build is isolated, and then unhashed.
COMPILE = $(BIN)/uv --no-config pip compile --universal --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --quiet
lock: $(BIN)/uv ## write the lock files anew from pyproject.toml (ARGS=--upgrade: newer versions)
	echo editables | $(COMPILE) pyproject.toml - --extra sandbox --extra traces --extra dev --output-file requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml --extra traces --constraint requirements.lock --output-file deploy/image/requirements.lock
	echo hatchling | $(COMPILE) - --constraint requirements.lock --output-file deploy/image/build.lock
	$(COMPILE) deploy/tools/requirements.in --python-version 3.11 --output-file deploy/tools/requirements.lock $(ARGS) \
		$(addprefix --no-emit-package ,$(ONLY_FOR_AWS))

# What helm's wheels need for another use than ours.
ONLY_FOR_AWS = aws-cdk-asset-awscli-v1 aws-cdk-asset-node-proxy-agent-v6 aws-cdk-cloud-assembly-schema aws-cdk-lib \
	constructs jsii

$(BIN)/uv:
	@deploy/setup

clean: ## remove what the other targets made
	rm -rf .venv .venv-tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
