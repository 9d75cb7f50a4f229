# What a fresh machine with python3, git and apt can do: `make demo`, `make test`, `make lint`,
# `make fuzz`, `make bench`.

PYTHON ?= python3
VENV   ?= .venv
PIP    := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

# The unit tests first: what they find is known in seconds.
TESTS  := tests/unit $(filter-out tests/unit tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)))

# More than there are cores: the tests wait for servers most of the time.
WORKERS ?= 4

MINUTES ?= 60

.PHONY: demo test lint fuzz losses bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(VENV)/bin/osc demo $(SERVER)

test: $(VENV)/.test
	$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS) $(ARGS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# Random migrations on every server and in every mode; it stops by itself.
fuzz: $(VENV)/.test
	$(VENV)/bin/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

# Bytes lost at random in the cut-over: `make losses OSC_FUZZ_LOSSES=500 OSC_FUZZ_SEED=7`.
losses: export OSC_FUZZ_LOSSES ?= 2000
losses: export OSC_FUZZ_SEED ?= 1
losses: $(VENV)/.test
	$(VENV)/bin/python -m pytest -n 2 --dist loadgroup --timeout 0 \
		tests/conformance/test_cut_over_losses.py $(ARGS)

# Hours: `make bench ARGS=--quick` for minutes, `make bench ARGS="race --engine mysql"` for a part.
bench: $(VENV)/.demo
	$(VENV)/bin/python -m benchmarks $(ARGS)

$(VENV)/.demo $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing osc into $(VENV) …"
	$(PIP) --editable '.[$*]'
	@touch $@

$(VENV)/bin/pip:
	$(PYTHON) tools/make_venv.py $(VENV)

clean:
	rm -rf $(VENV)
