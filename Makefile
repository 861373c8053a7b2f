# Needs make and a Python (3.11 to 3.13, with venv). `make` lists the targets.
# Everything stays below this folder: .tools (uv), .venv (packages), .cache, _build.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
OWN_UV := .tools/uv-$(UV_VERSION)/bin/uv
UV ?= $(OWN_UV)
EXTRAS = $(EXTRA:%=--extra %)
RUN := .venv/bin/python -m
# Compiling, which takes most of the tests' time, keeps one core busy at a time. In the order in
# which they are collected the chapters, few tests that take long, come first (tests/conftest.py).
PARALLEL := --numprocesses=auto --dist=loadfile --no-loadscope-reorder
SPELLED := README.md CHANGELOG.md CITATION.cff Makefile _config.yml _ext benchmarks chapters ntklib tests
TORCH := .tools/torch
TORCH_VERSION := 2.13.0

# .venv is the environment, whatever is active in the caller's shell.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH JUPYTER_PATH
export PIP_USER := 0
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export JUPYTER_PREFER_ENV_PATH := 1
# Compiling a chapter's programs takes longer than running them, so they are kept between runs.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
# The small ones too, which every chapter needs.
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
# JAX keeps no program that can call Python, as diffrax's checks of a flow's times would. ntklib has
# made them before; one that failed still would make every number NaN.
export EQX_ON_ERROR ?= nan
# Cells of studies that chapters have run.
export NTKLIB_CACHE ?= $(CURDIR)/.cache/studies
export NTKLIB_SCALE := $(SCALE)

.PHONY: help
help: ## list the targets
	@echo "make TARGET [PYTHON=/path/to/python] [EXTRA=cuda13|cuda12] [SCALE=quick|book|full]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.synced ## install the packages below this folder, and nothing more

.PHONY: book
book: .venv/.synced ## run every chapter and build the book in _build/html
	@.venv/bin/jupyter-book build --all -W --keep-going . ; \
	echo "Built in $$SECONDS s. Open file://$(CURDIR)/_build/html/index.html"

.PHONY: pdf
pdf: export PYTHONPATH := _ext
pdf: book ## print the book as _build/book.pdf, with a Chromium
	@.venv/bin/jupyter-book build -W --keep-going --builder custom --custom-builder singlehtml .
	@cp _build/singlehtml/chapters/index.html _build/singlehtml/book.html  # its links start in the folder above
	$(RUN) companion.pdf _build/singlehtml/book.html _build/book.pdf

# OpenBLAS's threads wait for each other in busy loops. Where as many processes as cores run tests,
# that made the eigenvectors of a 256 × 256 matrix take 20 times as long.
test quick: export OPENBLAS_NUM_THREADS := 1

.PHONY: test
test: lint ## lint, then test the library, the project, the book and every chapter (ARGS for pytest)
	$(RUN) pytest $(PARALLEL) $(ARGS)

.PHONY: browser-test
browser-test: export NTKLIB_SITE := _build/html
browser-test: book ## build the book and check every page of it in a Chromium (ARGS for pytest)
	$(RUN) pytest -m browser $(ARGS)

.PHONY: quick
quick: .venv/.synced ## test the library and the project alone, without chapters, book and benchmarks
	$(RUN) pytest -m "not chapter and not book and not bench" $(PARALLEL) $(ARGS)

.PHONY: lint
lint: .venv/.synced ## check style, format, types and spelling
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	.venv/bin/codespell $(SPELLED)

.PHONY: links
links: export PYTHONPATH := _ext
links: .venv/.synced ## list external links that don't answer, which takes a network and a built book
	@mkdir -p .cache; rm -f _build/html/output.*; trap 'rm -f _build/html/output.*' EXIT; \
	.venv/bin/jupyter-book build --builder linkcheck . > .cache/links.log 2>&1 || true; \
	echo "What was asked and answered is in .cache/links.log."; \
	$(RUN) companion.links _build/html/output.json

.PHONY: lab
lab: .venv/.synced ## open the chapters in JupyterLab
	$(UV) sync --locked --inexact $(EXTRAS) --group lab
	$(RUN) jupyterlab chapters

.PHONY: bench
bench: .venv/.synced $(TORCH)/.installed ## measure the library against what else one could use (ARGS, such as --help)
	$(RUN) benchmarks $(ARGS)

.PHONY: overview
overview: .venv/.synced ## redraw the figure of the README and of the landing page
	.venv/bin/python chapters/images/overview.py

.PHONY: lock
lock: $(filter $(OWN_UV),$(UV)) ## bring uv.lock up to date with pyproject.toml
	$(UV) lock

.PHONY: clean
clean: ## remove what was built and cached, but not .venv and .tools
	rm -rf _build .cache .mypy_cache .pytest_cache .ruff_cache

.venv/.synced: pyproject.toml uv.lock .tools/request $(filter $(OWN_UV),$(UV))
	$(UV) sync --locked --python "$$(head -n 1 .tools/request)" $(EXTRAS)
	@touch $@

$(OWN_UV): | .tools/request
	@python="$$(head -n 1 .tools/request)"; \
	"$$python" -m venv --clear $(@D)/.. || { echo "$$python can't make a virtual environment:" \
	  "install its venv (on Debian: apt install python3-venv), or give UV=/path/to/uv." >&2; exit 1; }
	$(@D)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# PyTorch, for the benchmarks alone: its wheel for Linux on PyPI brings 3 GB of CUDA, so it is no
# dependency (PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu has a small one). Where it
# can't be installed the benchmarks say why from pip's messages, and the next run tries again.
$(TORCH)/.installed: .tools/request
	@python="$$(head -n 1 .tools/request)"; rm -rf $(TORCH); \
	echo "Installing PyTorch $(TORCH_VERSION) in $(TORCH), for the benchmarks."; \
	if { "$$python" -m venv $(TORCH) && $(TORCH)/bin/pip install -qq --disable-pip-version-check \
	  torch==$(TORCH_VERSION) numpy; } > $(TORCH).log 2>&1; then touch $@; else \
	  tail -n 1 $(TORCH).log >&2; echo "Going on without PyTorch." >&2; fi

# Prints the interpreter behind a Python, or says why the project can't use it.
define USABLE
import os, sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(sys.executable + " is Python " + version + ": give PYTHON=/path/to/python, 3.11 to 3.13.")
print(os.path.realpath(sys._base_executable))
endef
export USABLE

# The Python and the extra last asked for. Rewritten only when they change, so that .venv follows.
# Without PYTHON it is the first of these names that the project can use.
.tools/request: FORCE
	@mkdir -p .tools; found=""; \
	if [ -n "$(PYTHON)" ]; then found="$$("$(PYTHON)" -c "$$USABLE")"; else \
	  for name in python3 python3.13 python3.12 python3.11; do \
	    if found="$$($$name -c "$$USABLE" 2>/dev/null)"; then break; fi; \
	  done; \
	fi; \
	[ -n "$$found" ] || { echo "No Python 3.11 to 3.13 found: give PYTHON=/path/to/python." >&2; exit 1; }; \
	request="$$found"$$'\n'"extra: $(EXTRA)"; \
	[ "$$request" = "$$(cat $@ 2>/dev/null)" ] || echo "$$request" > $@

.PHONY: FORCE
FORCE:
