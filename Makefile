# make demo   send thousands of mails to a receiver on this machine and balance the ledger   (ARGS="--messages 1000")
# make test   everything that must be green: check, then all tests
.DEFAULT_GOAL := help
.PHONY: help demo test check unit integration chart chaos limits fuzz bench clean venv-demo venv-dev kafka kafka-if-possible mail-servers-if-possible helm

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -p tests.groups
COVERAGE := --cov --cov-report=term

help:
	@echo "make demo | test | check | unit | integration | chart | chaos | limits | fuzz | bench | clean"

demo: venv-demo kafka-if-possible
	$(BIN)/streampost demo $(ARGS)

# The tests with real servers run last: they mostly wait, so four files at a time, on one broker that they share.
test: check unit chart integration

check: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/line_budget.py

unit: venv-dev
	$(PYTEST) --group=fast -n 2 --dist=loadfile $(COVERAGE) tests $(ARGS)

integration: venv-dev kafka mail-servers-if-possible
	$(PYTEST) --group=serial -m "not chaos" -n 4 --dist=loadfile --no-loadscope-reorder tests $(ARGS)

chart: venv-dev helm
	$(PYTEST) --group=chart -n 2 --dist=loadfile tests/chart $(ARGS)

chaos: venv-dev kafka
	$(PYTEST) tests/chaos $(ARGS)
	@echo "see build/chaos/summary.json"

limits: venv-dev kafka
	$(BIN)/python -m tests.limits.run $(ARGS)
	@echo "see build/limits/summary.json"

bench: venv-dev kafka
	$(BIN)/python -m tests.bench.run $(ARGS)

FUZZ_MAILS := 20000
FUZZ_SEED := 7

fuzz: venv-dev
	FUZZ_MAILS=$(FUZZ_MAILS) FUZZ_SEED=$(FUZZ_SEED) $(PYTEST) tests/properties/test_bounces.py $(ARGS)

venv-demo:
	@tools/setup-python embedded

venv-dev:
	@tools/setup-python dev

kafka:
	@tools/setup-kafka

kafka-if-possible: venv-demo
	@tools/setup-kafka || echo "set-up: no Apache Kafka here; the demo takes the embedded broker"

mail-servers-if-possible:
	@tools/setup-mail-servers || echo "set-up: no mail servers here; tests that need one are skipped"

helm: venv-dev
	@$(BIN)/python tools/helm_binary.py

clean:
	rm -rf .venv build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
