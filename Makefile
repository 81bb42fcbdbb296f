# make demo, make test: a virtual environment of their own, nothing else needed than python3, pip and make.

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := . ./plugins/auth ./plugins/dss ./plugins/local ./plugins/shock ./plugins/upload ./meta
EDITABLE := $(foreach package,$(PACKAGES),--editable $(package))
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml) meta/pyproject.toml
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint types format install bench clean

demo: $(VENV)/installed        ## run the main job on an embedded deployment
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/demo.sh

# Whatever the environment says: without bytecode each of the thousand processes that tests start compiles our sources.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/developing       ## run all tests
	@$(BIN)/python -m compileall -q hca_core hca plugins
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/developing       ## style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/developing      ## mypy, strict
	$(BIN)/mypy hca_core hca plugins/auth/hca_auth plugins/auth/hca/auth plugins/dss/hca_dss plugins/dss/hca/dss \
	  plugins/local/hca_local plugins/shock/hca_shock plugins/shock/hca/shock plugins/upload/hca_upload plugins/upload/hca/upload

format: $(VENV)/developing     ## rewrite the code in the common style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install:                       ## install this copy into the Python environment that is active
	python3 -m pip install $(PACKAGES)

bench: $(VENV)/developing      ## measure against the peers of this field
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/download.py
	$(BIN)/python benchmarks/checksums.py
	$(BIN)/python benchmarks/upload.py
	$(BIN)/python benchmarks/areas.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/shock.py

clean:                         ## forget the virtual environment and what the demo left
	rm -rf $(VENV) demo

$(VENV)/installed: $(PROJECTS)
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(EDITABLE)
	@touch $@

$(VENV)/developing: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
