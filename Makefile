# Everything happens in .venv, so .venv/bin/fogflow-k8s is the tool. A fresh machine needs Python 3.11+, Go and make.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup
# those that compare the machine before and after (first), those that fill two cores with requests, and those that start many pods
# or two clusters, beside which nobody heals in time; the others mostly wait
ALONE := $(addprefix tests/real/test_,sandbox.py start.py nodes.py load.py tasks.py worker.py edge.py)

.PHONY: demo test check unit chart cluster engine test-real reliability wheel bench diagnosis kills orders generate lock dist clean

demo: .venv/ready  ## a cluster, deploy, status, a bad upgrade taken back, rollback, uninstall; nothing is left
	bash scripts/demo.sh

test: check unit chart cluster wheel test-real engine  ## everything

check: .venv/ready  ## style, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=charts/fogflow-chart/files/keeper:charts/fogflow-edge-chart/files/edge $(BIN)/mypy --strict charts/fogflow-chart/files/keeper/*.py charts/fogflow-edge-chart/files/edge/edge*.py
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check
	@mkdir -p .work && $(BIN)/pytest --collect-only -q tests >.work/collected || { cat .work/collected; false; }  # every module can be imported

unit: .venv/ready  ## pure rules, adapters against scripts and a stub server, command lines and screens
	$(PYTEST) tests/unit tests/cli tests/contract

chart: .venv/ready .work/programs  ## the chart through the real helm
	$(PYTEST) tests/chart

cluster: .venv/ready .work/programs  ## the whole tool on a real API server
	$(BIN)/pytest -n 4 --dist loadgroup tests/cluster  # they wait more than they work

engine: .venv/ready .work/programs  ## images on a real Docker engine and real registries (needs root and docker.io)
	$(BIN)/pytest tests/engine

test-real: .venv/ready .work/programs  ## real nodes and containers: a sample of what can be lost (needs root)
	$(BIN)/pytest -p no:randomly -n 2 --dist loadfile $(ALONE:%=--ignore=%) tests/real
	$(BIN)/pytest -p no:randomly -n 0 $(ALONE)

reliability: .venv/ready .work/programs  ## everything that can be lost, one at a time, each figure held to its bar; writes docs/reliability.md (an hour and a half)
	FOGFLOW_K8S_TEST_BARS=1 $(BIN)/pytest -p no:randomly -n 0 tests/real
	$(BIN)/python -m tests.real.figures

wheel: .venv/ready .work/programs  ## what people install, in an empty environment outside this folder
	$(BIN)/pytest tests/wheel

bench: .venv/ready .work/programs  ## measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench.run

diagnosis: .venv/ready .work/programs  ## every fault, beside what helm says of it, and write docs/diagnosis.md
	FOGFLOW_K8S_TEST_COMPARE=1 $(PYTEST) tests/cluster/test_diagnosis.py
	FOGFLOW_K8S_TEST_COMPARE=1 $(BIN)/pytest -p no:randomly -n 0 tests/real/test_diagnosis.py
	$(BIN)/python -m tests.faults.page

kills: .venv/ready .work/programs  ## SIGKILL at 20 random instants of each operation, and an API server that takes 2 s for an answer (half an hour)
	FOGFLOW_K8S_TEST_KILLS=20 FOGFLOW_K8S_TEST_SLOW_S=2 $(PYTEST) tests/cluster/test_random_kills.py tests/cluster/test_bad_server.py

orders: .venv/ready  ## our worker under 10 000 orders of messages for each property (some minutes)
	FOGFLOW_K8S_TEST_ORDERS=10000 $(PYTEST) tests/unit/worker/test_orders.py

generate: .venv/ready  ## schemas, the error catalogue, docs/cli.md
	$(BIN)/python scripts/generate.py

lock: .venv/ready  ## what is in the worker's image: newest versions that fit pyproject.toml, with their hashes
	$(BIN)/python scripts/lock_worker.py

dist: .venv/ready
	rm -rf dist && $(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf .venv .work dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25'
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q src  # where PYTHONDONTWRITEBYTECODE is set, every start would compile all of it
	touch $@

# helm, kubectl and the control plane, built once into the user's cache
.work/programs: src/fogflow_k8s/sandbox/modules/go.mod src/fogflow_k8s/sandbox/modules/go.sum | .venv/ready
	$(BIN)/python scripts/programs.py
	mkdir -p .work && touch $@
