# make demo, make test: a virtual environment of their own, nothing else needed than python3, pip and make.

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := . ./plugins/auth ./plugins/azul ./plugins/dss ./plugins/local ./plugins/shock ./plugins/upload ./meta
EDITABLE := $(foreach package,$(PACKAGES),--editable $(package))
# What `make lowest` tests: what stands on other people's libraries.
LOWEST := $(addprefix tests/core/test_,http.py output.py commands.py lazy.py s3.py) \
  tests/shock/test_get.py tests/shock/test_put.py
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml) meta/pyproject.toml
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# uv trusts certificates of its own choice, unless told (the older name, too) to trust those of the system, as pip does.
export UV_SYSTEM_CERTS := 1
export UV_NATIVE_TLS := 1

.PHONY: demo test lint types format docs dist man lowest install bench clean

demo: $(VENV)/installed        ## run the main job on an embedded deployment
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/demo.sh

# Whatever the environment says: without bytecode each of the thousand processes that tests start compiles our sources.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/developing       ## run all tests
	@$(BIN)/python -m compileall -q hca_core hca plugins
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/developing       ## style of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/developing      ## mypy, strict
	$(BIN)/mypy hca_core hca plugins/auth/hca_auth plugins/auth/hca/auth plugins/azul/hca_azul plugins/azul/hca/azul \
	  plugins/dss/hca_dss plugins/dss/hca/dss plugins/local/hca_local plugins/shock/hca_shock plugins/shock/hca/shock \
	  plugins/upload/hca_upload plugins/upload/hca/upload

format: $(VENV)/developing     ## rewrite the code in the common style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/developing       ## the site of the documentation, in build/docs/html
	$(BIN)/python docs/generate_reference.py
	$(BIN)/python -m sphinx -W -n -q --keep-going -d build/docs/doctrees docs build/docs/html

dist: $(VENV)/developing       ## wheels and source distributions of all packages, in dist/
	@rm -rf dist
	$(BIN)/python scripts/build_dists.py dist
	$(BIN)/python -m twine check --strict dist/*

man: $(VENV)/installed         ## the manual pages of all commands, in build/man/man1
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/hca man build/man/man1

# Other tests: make lowest LOWEST=tests/upload
lowest: $(VENV)/developing     ## some of the tests, with the oldest dependencies that we allow
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest --resolution lowest-direct $(EDITABLE) --editable .[dask,fsspec,keyring,s3]
	$(BIN)/uv pip install --quiet --python build/lowest 'pytest>=8.3' pytest-rerunfailures pytest-timeout pytest-xdist keyrings.alt
	build/lowest/bin/python -m pytest --numprocesses 2 --dist loadfile -p no:cacheprovider $(PYTEST_ARGS) $(LOWEST)

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
	$(BIN)/python benchmarks/azul.py
	$(BIN)/python benchmarks/filesystem.py

clean:                         ## forget the virtual environment and all that was made here
	rm -rf $(VENV) demo build dist

$(VENV)/installed: $(PROJECTS)
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(EDITABLE)
	@touch $@

$(VENV)/developing: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements-dev.txt
	@touch $@
