# Needs make and a Python (3.11 to 3.14, with venv). `make` lists the targets.
# Everything stays below this folder: .tools (uv and its cache), .venv (packages), .cache, _build.

# macOS has make 3.81, which knows no .SHELLFLAGS, and bash 3.2. So no line of a recipe needs bash's
# -e or pipefail: what may fail is the last command of its line, or has && behind it.
SHELL := bash
.DEFAULT_GOAL := help

SETUP := PYTHON='$(PYTHON)' UV='$(UV)' INSTALLER='$(INSTALLER)' EXTRA='$(EXTRA)' _setup/run
RUN := .venv/bin/python -m
# Compiling, which takes most of the tests' time, keeps one core busy at a time. A process runs the
# tests of a file, or one chapter; those that take longest come first (tests/conftest.py).
PARALLEL := --numprocesses=auto --dist=loadfile --no-loadscope-reorder
SPELLED := README.md CHANGELOG.md CONTRIBUTING.md CITATION.cff Makefile _config.yml _ext _setup benchmarks chapters ntklib tests

# .venv is the environment, whatever is active in the caller's shell.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH JUPYTER_PATH
# Some images set it; then each of a hundred processes compiles the source of all that it imports,
# which takes a kernel three of its five seconds.
unexport PYTHONDONTWRITEBYTECODE
export IPYTHONDIR := $(CURDIR)/.venv/ipython
export JUPYTER_PREFER_ENV_PATH := 1
# Compiling a chapter's programs takes longer than running them, so they are kept between runs: for
# each Python by itself, since JAX from Python 3.14 on compresses them in another way than before.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax/$(notdir $(realpath .venv/bin/python))
# The small ones too, which every chapter needs.
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
# Cells of studies that chapters have run.
export NTKLIB_CACHE ?= $(CURDIR)/.cache/studies
export NTKLIB_SCALE := $(SCALE)

.PHONY: help
help: ## list the targets
	@echo "make TARGET [PYTHON=/path/to/python] [EXTRA=cuda13|cuda12] [SCALE=quick|book|full] [INSTALLER=uv|pip]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install the packages below this folder, and nothing more
	@$(SETUP) sync

.PHONY: book
book: setup ## run what chapters have changed and build the book in _build/html
	@PYTHONPATH=_ext $(RUN) companion.build

.PHONY: pdf
pdf: book ## print the book as _build/book.pdf and its API as _build/api.pdf, with a Chromium
	@.venv/bin/jupyter-book build -W --keep-going --builder custom --custom-builder singlehtml .
	@cp _build/singlehtml/chapters/index.html _build/singlehtml/book.html  # its links start in the folder above
	PYTHONPATH=_ext $(RUN) companion.pdf _build/singlehtml/book.html _build

.PHONY: slides
slides: book ## make a deck of slides of each chapter, with its statements, figures and claims
	PYTHONPATH=_ext $(RUN) companion.slides _build

# OpenBLAS's threads wait for each other in busy loops. Where as many processes as cores run tests,
# that made the eigenvectors of a 256 × 256 matrix take 20 times as long.
PYTEST := OPENBLAS_NUM_THREADS=1 $(RUN) pytest $(PARALLEL)

.PHONY: test
test: lint ## lint, then test the library, the project, the book and every chapter (ARGS for pytest)
	$(PYTEST) -m "not long" $(ARGS)

.PHONY: thorough
thorough: lint ## lint, then every test: further cases, and faults planted in tools (ARGS for pytest)
	$(PYTEST) $(ARGS)

.PHONY: browser-test
browser-test: book ## build the book and check every page of it in a Chromium (ARGS for pytest)
	NTKLIB_SITE=_build/html $(RUN) pytest -m browser $(ARGS)

.PHONY: quick
quick: setup ## test the library and the project alone, without chapters, book and long tests
	$(PYTEST) -m "not chapter and not book and not long" $(ARGS)

# In an environment of its own: .venv and uv.lock stay as they are. A chapter's kernel is its Python's.
NEWEST := .tools/newest
NEWEST_GROUPS := kernels book cluster test
NEWEST_TESTS := not test_chapters.py or 01-spectral-bias or 07-corollary-2

.PHONY: falsify
falsify: setup ## plant falsehoods in the chapters and see a claim turn red for each (ARGS, such as --help)
	@OPENBLAS_NUM_THREADS=1 .venv/bin/python tests/falsehoods $(ARGS)

.PHONY: newest
newest: ## test the newest packages that pyproject.toml allows: what quick tests, and two chapters
	@$(SETUP) uv venv --quiet --clear $(NEWEST)
	@$(SETUP) uv pip install --quiet --python $(NEWEST) $(NEWEST_GROUPS:%=--group %) --editable .
	@$(SETUP) uv pip list --python $(NEWEST)
	IPYTHONDIR='$(CURDIR)/$(NEWEST)/ipython' JAX_COMPILATION_CACHE_DIR='$(CURDIR)/.cache/newest' \
	OPENBLAS_NUM_THREADS=1 $(NEWEST)/bin/python -m pytest $(PARALLEL) -m "not book and not bench" \
	  -k "$(NEWEST_TESTS)" $(ARGS)

# In an environment of its own: PyTorch brings 3 GB on Linux. UV_FIND_LINKS may have a small wheel.
FRAMEWORKS := .tools/frameworks

.PHONY: frameworks
frameworks: ## test networks that are models of Flax and PyTorch, which it installs apart (ARGS for pytest)
	@$(SETUP) uv venv --quiet --clear $(FRAMEWORKS)
	@$(SETUP) uv pip install --quiet --python $(FRAMEWORKS) $(NEWEST_GROUPS:%=--group %) --editable . flax torch
	@$(SETUP) uv pip list --python $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/python -m pytest -ra tests/networks/test_frameworks.py $(ARGS)

# The versions that the page "Coming from another library" names, in the same folder.
PEERS := torch==2.13.0 curvlinops-for-pytorch==3.0.1 nngeometry==0.4 backpack-for-pytorch==1.7.1 \
  traker==0.3.2 gpjax==1.0.0 scikit-learn==1.9.1

.PHONY: peers
peers: ## hold the factors between this library and others to the libraries, which it installs apart
	@$(SETUP) uv venv --quiet --clear $(FRAMEWORKS)
	@$(SETUP) uv pip install --quiet --python $(FRAMEWORKS) $(NEWEST_GROUPS:%=--group %) --editable . $(PEERS)
	$(FRAMEWORKS)/bin/python -m pytest -ra tests/networks/test_peers.py $(ARGS)

.PHONY: lint
lint: setup ## check style, format, types and spelling
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	.venv/bin/codespell $(SPELLED)

.PHONY: links
links: setup ## list external links that don't answer, which takes a network and a built book
	@mkdir -p .cache && rm -f _build/html/output.*
	@.venv/bin/jupyter-book build --builder linkcheck . > .cache/links.log 2>&1 || true
	@echo "What was asked and answered is in .cache/links.log."
	@trap 'rm -f _build/html/output.*' EXIT; PYTHONPATH=_ext $(RUN) companion.links _build/html/output.json

.PHONY: lab
lab: ## open the chapters in JupyterLab
	@$(SETUP) sync lab
	$(RUN) jupyterlab chapters

.PHONY: bench
bench: setup ## measure the library against what else one could use (ARGS, such as --help)
	@$(SETUP) torch
	$(RUN) benchmarks $(ARGS)

.PHONY: overview
overview: setup ## redraw the figure of the README and of the landing page
	.venv/bin/python chapters/images/overview.py

.PHONY: live-picture
live-picture: book ## take the picture that stands for the live page on paper, with a Chromium
	PYTHONPATH=_ext .venv/bin/python chapters/images/live.py _build/html

.PHONY: lock
lock: ## bring uv.lock up to date with pyproject.toml
	@$(SETUP) uv lock

.PHONY: clean
clean: ## remove what was built and cached, but not .venv and .tools
	rm -rf _build .cache .mypy_cache .pytest_cache .ruff_cache
