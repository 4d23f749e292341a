# make demo needs Python 3.11, 3.12 or 3.13 and make; it installs everything else into .venv.
# Variables: PYTHON (the interpreter that creates .venv), MINUTES (training time of the demo), MODEL, VENV.

VENV ?= .venv
MODEL ?= cdcgan-faces-32
MINUTES ?= 3
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --quiet -c constraints.txt

.PHONY: help demo test check bench docs docs-serve clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    train on drawn faces for $(MINUTES) minutes, export to ONNX, generate a grid of faces"
	@echo "make test    run the tests"
	@echo "make check   check format, lint and types"
	@echo "make bench   measure speed"
	@echo "make docs    build the documentation in build/site; make docs-serve shows it"
	@echo "make clean   remove .venv, caches and build outputs, but not runs/ and demo/"

demo: $(VENV)/.train
	@mkdir -p demo
	$(BIN)/ganzoo train $(MODEL) --max-minutes $(MINUTES)
	@bundle=$$($(BIN)/ganzoo export --onnx) && \
	$(BIN)/ganzoo generate "$$bundle" --seeds 0-63 --grid --scale 3 -o demo/grid.png >&2 && \
	echo && echo "64 new faces:        demo/grid.png" && \
	echo "real faces:          $${bundle%/bundle}/real.png" && \
	echo "training samples:    $${bundle%/bundle}/samples/" && \
	echo "the model:           $$bundle"

test: $(VENV)/.test
	$(BIN)/pytest

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	@for script in benchmarks/*_speed.py benchmarks/cold_start.py; do \
		echo "== $$script" && $(BIN)/python $$script || exit 1; \
	done

docs: $(VENV)/.docs
	$(BIN)/python tools/docs_pages.py
	$(BIN)/zensical build --strict
	@echo "The documentation: build/site/index.html"

docs-serve: $(VENV)/.docs
	$(BIN)/python tools/docs_pages.py
	$(BIN)/zensical serve

clean:
	rm -rf $(VENV) .ci-venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp file marks a finished installation. A change of the requirements triggers a new installation.
$(VENV)/.train: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing ganzoo with TensorFlow into $(VENV); this takes some minutes ..." >&2
	$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing ganzoo and its test tools into $(VENV); this takes some minutes ..." >&2
	$(INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.train $(VENV)/.docs

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing ganzoo and its documentation tools into $(VENV) ..." >&2
	$(INSTALL) -e '.[docs]'
	@touch $@

$(VENV)/.bench: benchmarks/requirements.txt | $(VENV)/.test
	$(INSTALL) -r benchmarks/requirements.txt
	@touch $@

$(VENV)/.made:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
		"$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null || continue; \
		echo "Creating $(VENV) with $$("$$python" --version)" >&2; \
		"$$python" -m venv $(VENV) && touch $@ && exit 0; \
	done; \
	echo "ganzoo needs Python 3.11, 3.12 or 3.13 with its module venv (Debian, Ubuntu: apt install python3-venv)." \
		"$(if $(PYTHON),'$(PYTHON)' does not work,None was found). Choose one: make demo PYTHON=/path/to/python3.12" >&2; \
	exit 1
