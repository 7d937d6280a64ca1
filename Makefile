# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BEAM_VENV ?= .venv-beam
BOUND ?= lowest
BIN := $(VENV)/bin
RUN := PATH="$(abspath $(BIN)):$$PATH"
WORKDIR ?= runs/demo

.PHONY: help demo test test-slow test-beam test-bound constraints coverage mutation parity lint docs benchmark gpu clean
help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# One stamp a set of extras: a second `make` does not install again until pyproject.toml changes.
$(VENV)/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless
	@touch $@

# Without their dependencies: torchvision asks for a newer PyTorch than it needs here.
$(VENV)/.parity: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[parity]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps torchvision==0.29.1 timm==1.0.31
	@touch $@

$(VENV)/.docs: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

$(VENV)/.mutation: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutation]'
	@touch $@

# Apache Beam wants an older protobuf than the other environment has. What pytest needs for
# tests/conftest.py comes beside it.
$(BEAM_VENV)/.beam: pyproject.toml
	$(PYTHON) -m venv $(BEAM_VENV)
	$(BEAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[beam]' 'beartype>=0.21,<0.24' 'hypothesis>=6.110,<7' 'pytest>=8.3,<10'
	@$(BEAM_VENV)/bin/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless VENV=$(BEAM_VENV)
	@touch $@

# One environment for each end of the allowed versions.
.venv-%/.bound: constraints/%.txt pyproject.toml
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< -e '.[test]'
	@.venv-$*/bin/python -c 'import cv2' 2>/dev/null || $(MAKE) --no-print-directory headless VENV=.venv-$*
	@touch $@

# opencv-python's wheel needs libGL, which a bare machine lacks; the headless one does not.
.PHONY: headless
headless:
	@version=$$($(BIN)/python -m pip show opencv-python | sed -n 's/^Version: //p'); \
	echo "no libGL here: installing opencv-python-headless $$version instead"; \
	$(BIN)/python -m pip uninstall --quiet --yes opencv-python-headless; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "opencv-python-headless==$$version"

demo: $(VENV)/.base  ## install, then run configs/stereo.py on the simulated database
	$(RUN) python -m ethnicmer_jax.main --config=configs/stereo.py --workdir=$(WORKDIR)
	@echo "(python is $(BIN)/python; for this shell: source $(BIN)/activate)"

test: $(VENV)/.test  ## install, then run the test suite (about 10 minutes on 2 cores)
	$(RUN) python -m pytest -m 'not slow' -n 2 --dist worksteal $(PYTEST_ARGS)

test-slow: $(VENV)/.test  ## the tests that `make test` leaves out (about an hour on 2 cores)
	$(RUN) python -m pytest -m slow -n 2 --dist worksteal $(PYTEST_ARGS)

test-beam: $(BEAM_VENV)/.beam  ## install Apache Beam in an environment of its own, and test it
	$(BEAM_VENV)/bin/python -c 'import apache_beam'
	PATH="$(abspath $(BEAM_VENV))/bin:$$PATH" $(BEAM_VENV)/bin/python -m pytest tests/test_database_beam.py $(PYTEST_ARGS)

test-bound: .venv-$(BOUND)/.bound  ## the test suite with the lowest allowed versions; BOUND=newest for those
	PATH="$(abspath .venv-$(BOUND))/bin:$$PATH" .venv-$(BOUND)/bin/python -m pytest -m 'not slow' -n 2 --dist worksteal $(PYTEST_ARGS)

constraints: $(VENV)/.base  ## write constraints/ anew, from what pyproject.toml allows
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(BIN)/uv pip compile pyproject.toml --extra test --python-version 3.11 --resolution lowest-direct --no-annotate --no-header --quiet --upgrade --output-file constraints/lowest.txt
	$(BIN)/uv pip compile pyproject.toml --extra test --python-version 3.11 --universal --no-annotate --no-header --quiet --upgrade --output-file constraints/newest.txt

coverage: $(VENV)/.test  ## which lines the test suite reaches, in the processes that it starts, too
	$(RUN) python -m pytest -m 'not slow' -n 2 --cov --cov-report=term-missing:skip-covered $(PYTEST_ARGS)

mutation: $(VENV)/.mutation  ## faults in the statistics that no test notices (about 4 minutes)
	$(RUN) mutmut run --max-children 2
	$(RUN) mutmut results

parity: $(VENV)/.parity  ## install PyTorch, torchvision and timm: the parity tests then run, too

lint: $(VENV)/.test  ## the linters and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs  ## these pages as a site, runs/site/index.html; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(RUN) python -m mkdocs build --quiet

benchmark: $(VENV)/.parity  ## LOSO against PyTorch, RAW=PATH/manifest.csv
	$(RUN) python -m benchmarks.loso_vs_torch --raw=$(RAW)

gpu: $(VENV)/.parity  ## the whole program on one GPU, RAW=PATH/manifest.csv
	$(RUN) benchmarks/gpu.sh $(RAW) runs/gpu

clean:  ## remove the environment and the demo's files
	rm -rf $(VENV) $(BEAM_VENV) runs/demo runs/site
