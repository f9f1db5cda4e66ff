# From a fresh clone: `make demo` shows what vfi does, `make test` shows that it works. Each creates its own
# environment in .venv if there is none, and updates it when the requirements have changed.
#
#   make demo INPUT=my.mp4     the same with your own video
#   make PYTHON=python3.12 ... another Python for a new environment
#   make VENV=folder ...       another folder for the environment

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
RUN := $(BIN)/python
# On a few cores, tests side by side beat threads within each test.
PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -q

CORE := $(VENV)/.core-installed
DEV := $(VENV)/.dev-installed
DOCS := $(VENV)/.docs-installed
REQUIREMENTS := pyproject.toml constraints.txt

KERNELS := $(VENV)/.correlation-installed
KERNEL_SOURCES := $(wildcard correlation_package/*.* correlation_package/*/*.* vfi/ops/backends/cuda/*)
COMPILER := $(shell command -v $(firstword $(if $(filter default,$(origin CXX)),c++,$(CXX))) 2> /dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test test-networks test-all test-oldest wheel-test correlation lint format types check docs tables public-names clean

help:
	@echo "make demo         render a clip, interpolate it, compare with the ground truth (INPUT=my.mp4: your own)"
	@echo "make test         the tests that need no GPU, weights or network"
	@echo "make test-all     the slow tests too"
	@echo "make test-networks the slow tests of EQVI and SGM-VFI"
	@echo "make test-oldest  the tests on the oldest supported dependencies, in an environment of their own"
	@echo "make wheel-test   build the wheel, install it in a clean environment, test it from another folder"
	@echo "make correlation  build the compiled package into the environment, test it and the CUDA sources"
	@echo "make lint types   ruff and codespell; pyright"
	@echo "make check        everything that must pass before a change is merged"
	@echo "make format       format the code with ruff"
	@echo "make docs         build the documentation with its API reference into docs/build"
	@echo "make tables       write the tables of README and docs from benchmark/results"
	@echo "make public-names update the list of public names"
	@echo "make clean        remove files of builds and tests (keeps the environment)"

demo: $(CORE)
	$(RUN) -m vfi demo $(if $(INPUT),--input "$(INPUT)")

test: $(DEV)
	$(PYTEST) -n $(WORKERS)

test-all: $(DEV)
	$(PYTEST) -n $(WORKERS) -m "not gpu and not weights and not network"

wheel-test: $(DEV)
	$(PYTEST) -m slow tests/packaging/test_wheel.py

# After wheel-test and before test, so that the one sees the operators without and the other with the kernels.
ifeq ($(COMPILER),)
correlation: $(DEV)
	@echo "There is no C++ compiler here: the compiled package is not built, and its tests are skipped."
else
correlation: $(KERNELS)
endif
	$(PYTEST) -n $(WORKERS) -m "slow and not gpu" tests/ops

lint: $(DEV)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(BIN)/codespell

types: $(DEV)
	$(BIN)/pyright

# What takes too long for the default run, of reference vectors for the most part; torch.compile takes minutes.
test-networks: $(DEV)
	$(PYTEST) -n $(WORKERS) -m "slow and not gpu" -k "not compiled" tests/models/eqvi tests/models/sgm \
		tests/models/test_other_devices.py

check: lint types wheel-test correlation test-networks test

format: $(DEV)
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: $(DOCS)
	$(RUN) -m sphinx -q --fail-on-warning -b html docs docs/build
	@echo "The documentation begins at docs/build/index.html."

tables: $(DEV)
	$(RUN) -m benchmark.tables

public-names: $(DEV)
	$(RUN) -m tests.packaging.test_public_names

test-oldest:
	$(MAKE) test VENV=.venv-oldest REQUIREMENTS="pyproject.toml constraints-oldest.txt" \
		PYTHON=$(or $(shell python3.10 -c 'import sys; print(sys.executable)' 2> /dev/null),$(PYTHON))

clean:
	rm -rf build dist docs/build *.egg-info .pytest_cache .ruff_cache .hypothesis
	rm -rf correlation_package/build correlation_package/dist correlation_package/*.egg-info

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "vfi needs Python 3.10 or later: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -f $(RUN); echo "No environment created: on Debian and Ubuntu, sudo apt install python3-venv."; exit 1; }

$(CORE): $(REQUIREMENTS) | $(RUN)
	$(RUN) -m pip install --constraint $(lastword $(REQUIREMENTS)) --editable .
	@touch $@

$(DEV): $(REQUIREMENTS) | $(RUN)
	$(RUN) -m pip install --constraint $(lastword $(REQUIREMENTS)) --editable ".[dev]"
	@touch $(CORE) $@

$(DOCS): $(DEV)
	$(RUN) -m pip install --constraint $(lastword $(REQUIREMENTS)) --editable ".[docs]"
	@touch $@

$(KERNELS): $(KERNEL_SOURCES) $(DEV)
	$(RUN) -m pip install --no-build-isolation --no-deps --force-reinstall ./correlation_package
	@touch $@
