# Everything happens in .venv, so .venv/bin/fogflow-k8s is the tool. A fresh machine needs Python 3.11+, Go and make.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# pytest keeps its rewritten modules as compiled files: without them each of its processes takes twice as long to begin
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup
# what the gate leaves out runs, too: tests/scope.py
ALL := FOGFLOW_K8S_TEST_ALL=1
DURATIONS := $(BIN)/python -m tests.durations

ifndef PARTS  # the parts of `check` run at once; everything else uses both cores by itself
.NOTPARALLEL:
endif
.PHONY: help demo quick test all begin check style types pages modules unit chart cluster engine real rest reliability soak wheel packaged bench diagnosis kills search fix docs smoke kind generate lock digests version release publish artifacts dist clean

help:  ## list the targets
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/ready  ## build a local cluster, deploy, break an upgrade, roll back, uninstall; leaves nothing behind
	bash scripts/demo.sh

quick all: COVERAGE := --cov --cov-report=
quick: begin check unit chart  ## for every change: style, types, layers, unit and command line tests, the chart (6 minutes)
	@$(DURATIONS) told quick

test: begin check unit chart cluster real packaged  ## the tests that continuous integration runs (40 minutes)
	@$(DURATIONS) told test

all: test rest kills diagnosis search reliability soak bench  ## every test, benchmark and figure, for the night (hours)
	@$(DURATIONS) told all
	@$(DURATIONS) times
	@$(DURATIONS) judge

begin: .venv/ready
	@$(DURATIONS) begin

check: .venv/ready  ## style, types, layers, words, generated files
	@$(MAKE) --no-print-directory --jobs=2 --output-sync PARTS=1 style types pages modules

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell src charts docs examples krew scripts/ci .github README.md CHANGELOG.md CITATION.cff CONTRIBUTING.md RELEASE.md SECURITY.md tests/cli/golden  # with the words that scripts/words.txt replaces
	$(BIN)/shellcheck .ci/run scripts/*.sh scripts/ci/*.sh krew/kubectl-fogflow
	$(BIN)/python -m tests.actionlint

types:
	$(BIN)/mypy
	MYPYPATH=charts/fogflow-chart/files/keeper:charts/fogflow-edge-chart/files/edge $(BIN)/mypy --strict charts/fogflow-chart/files/keeper/*.py charts/fogflow-edge-chart/files/edge/edge*.py
	$(BIN)/lint-imports

pages:
	$(BIN)/python scripts/generate.py --check
	$(BIN)/properdocs build --strict --site-dir .work/site  # pages, and links between them; with --quiet it counts no warnings

modules:
	@mkdir -p .work && $(BIN)/pytest --collect-only -q tests >.work/collected || { cat .work/collected; false; }  # every module can be imported

unit: .venv/ready .work/programs  ## unit, command line and contract tests; in `make quick` with their coverage, which takes half as long again
	$(BIN)/pytest -n 4 --dist loadgroup $(COVERAGE) tests/unit tests/cli tests/contract  # some wait, and leave their core to others
	@test -z '$(COVERAGE)' || $(BIN)/coverage report --format=total | sed 's/$$/ % of src, by line and branch, are covered by these/'

chart: .venv/ready .work/programs  ## the chart, rendered by the real helm
	$(PYTEST) tests/chart

cluster: .venv/ready .work/programs  ## the whole tool on a real API server
	$(BIN)/pytest -n 4 --dist loadgroup tests/cluster  # two cores are busy with four, as each waits now and then

engine: .venv/ready .work/programs  ## images on a real Docker engine and real registries (needs root and docker.io)
	$(BIN)/pytest tests/engine

real: .venv/ready .work/programs  ## real nodes and containers: a sample of the losses (needs root)
	$(BIN)/pytest -p no:randomly -n 2 --dist loadgroup --no-loadscope-reorder tests/real

reliability: .venv/ready .work/programs  ## every loss, one at a time, each figure held to its bar; writes docs/reliability.md (90 minutes)
	$(ALL) $(BIN)/pytest -p no:randomly -n 0 --ignore=tests/real/test_diagnosis.py tests/real
	$(BIN)/python -m tests.real.figures

rest: .venv/ready .work/programs  ## what `make test` leaves out, except kills and real nodes
	$(ALL) $(BIN)/pytest -n 4 --dist loadgroup -m only_all --ignore=tests/real --ignore=tests/cluster/test_random_kills.py tests

wheel: .venv/ready .work/programs  ## what people install, in an empty environment outside this folder
	$(BIN)/pytest tests/wheel

packaged: .venv/ready .work/programs  ## wheel and engine, beside each other
	$(PYTEST) tests/wheel tests/engine

bench: .venv/ready .work/programs  ## measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench.run

soak: .venv/ready .work/programs  ## an hour of random losses and user operations on real nodes: both workers, three seeds
	$(ALL) FOGFLOW_K8S_SOAK_S=600 FOGFLOW_K8S_SOAK_SEEDS=1,2,3 $(BIN)/pytest -p no:randomly -n 0 -s tests/real/test_soak.py

diagnosis: .venv/ready .work/programs  ## every fault, beside what helm says of it, and write docs/diagnosis.md
	$(ALL) $(PYTEST) tests/cluster/test_diagnosis.py
	$(ALL) $(BIN)/pytest -p no:randomly -n 0 tests/real/test_diagnosis.py
	$(BIN)/python -m tests.faults.page

kills: .venv/ready .work/programs  ## SIGKILL at 20 random instants of each operation (half an hour)
	$(ALL) $(PYTEST) tests/cluster/test_random_kills.py

search: .venv/ready .work/programs  ## twenty times more examples of each property, with shrinking: pin what it finds with @example
	$(ALL) $(PYTEST) --timeout 3600 -m hypothesis tests/unit tests/chart

fix: .venv/ready  ## correct what can be corrected: style, format, generated files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/generate.py

docs: .venv/ready  ## the documentation as a site on http://127.0.0.1:8000, changed as you edit
	$(BIN)/properdocs serve

smoke: .venv/ready  ## FogFlow's own images on the cluster of the current context, from deploy to uninstall
	bash scripts/ci/smoke.sh

kind: .venv/ready  ## make kind K8S=1.37: smoke on a kind cluster of that Kubernetes version (needs Docker)
	bash scripts/ci/kind.sh "$(K8S)"

generate: .venv/ready  ## schemas, the error catalogue, docs/cli.md, docs/testing.md
	$(BIN)/python scripts/generate.py
	$(DURATIONS) page

lock: .venv/ready  ## what is in the worker's image: newest versions that fit pyproject.toml and Debian's packages, with their hashes
	$(BIN)/python scripts/lock_worker.py
	PYTHONPATH=scripts $(BIN)/python -m artifacts --lock

version: .venv/ready  ## make version V=1.0.1 writes the version into every file that states it
	$(BIN)/python scripts/version.py $(V)

artifacts: .venv/ready  ## what a release has, into dist/: wheel, sdist, charts, kubectl plug-in, image, SBOMs (REGISTRY=, REPOSITORY=)
	PYTHONPATH=scripts $(BIN)/python -m artifacts --registry "$(REGISTRY)" --repository "$(REPOSITORY)"

digests: .venv/ready  ## ask the registries for the images' digests and newer patch releases; writes images.lock.json
	$(BIN)/python scripts/digests.py

release: .venv/ready  ## make release V=1.0.1: the files state this version, and the changelog has notes for it (.work/notes.md)
	$(BIN)/python scripts/version.py
	$(BIN)/python -c 'import sys, fogflow_k8s; sys.exit(fogflow_k8s.__version__ != sys.argv[1])' "$(V)"
	@mkdir -p .work
	bash scripts/ci/notes.sh "$(V)" >.work/notes.md

publish: .venv/ready  ## make publish REGISTRY=registry.example/owner: push the image and the charts of dist/
	bash scripts/ci/publish.sh "$(REGISTRY)"

dist: .venv/ready
	rm -rf dist && $(BIN)/python -m build --wheel --outdir dist .

clean:
	rm -rf .venv .work dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25'
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q src  # where a user's shell has PYTHONDONTWRITEBYTECODE, every start would compile all of it
	touch $@

# helm, kubectl and the control plane, built once into the user's cache
.work/programs: src/fogflow_k8s/sandbox/modules/go.mod src/fogflow_k8s/sandbox/modules/go.sum | .venv/ready
	$(BIN)/python scripts/programs.py
	mkdir -p .work && touch $@
