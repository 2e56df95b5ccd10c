# `make demo` and `make test` set up everything they need in .venv; see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# What some tests compare with, without what only its plots need (cairo); where it is not to be had they skip.
PEERS := badcrossbar pathvalidate sigfig

.PHONY: demo test lint tools bench clean

$(VENV)/demo.stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(PEERS)
	touch $@

demo: $(VENV)/demo.stamp
	$(BIN)/circuitc compile examples/01_btf_multiplier/model.json --target verilog -o build/demo --prove
	$(BIN)/circuitc simulate build/demo --engine yosys --exhaustive
	$(BIN)/circuitc report build/demo

test: $(VENV)/test.stamp tools
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: $(VENV)/test.stamp
	$(BIN)/ruff check circuitc tests examples benchmarks
	$(BIN)/pyright --pythonpath $(BIN)/python circuitc

# Icarus Verilog and Verilator come from Debian's packages where we may install them; without them their tests skip.
tools:
	@sh tests/install_tools.sh

# The scripts other than gates.py take a folder of .aig files: make bench EPFL=path/to/benchmarks
bench: $(VENV)/demo.stamp
	$(BIN)/python benchmarks/gates.py
	test -z "$(EPFL)" || for name in proofs mutants logic_opt; do $(BIN)/python benchmarks/$$name.py $(EPFL) || exit 1; done

clean:
	rm -rf build dist *.egg-info
