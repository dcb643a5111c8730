# Two commands do everything on a machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
BENCH := .venv/bin/bench
PYTEST := .venv/bin/python -m pytest

.PHONY: demo test slow docs chaos gpu check clean setup

demo: setup  ## the LMC-Memory ablation at small scale, and its table
	$(BENCH) run ablation
	$(BENCH) report ablation

test: setup  ## what must hold, in under 8 minutes on two cores
	OMP_NUM_THREADS=1 $(PYTEST) -m "not slow and not chaos"

slow: .venv/docs  ## what takes longer, the site and every command of its pages among it
	OMP_NUM_THREADS=1 $(PYTEST) -m slow

docs: .venv/docs  ## the site, in site/; warnings are errors
	.venv/bin/python -m sphinx -W --keep-going -q -b html docs site

chaos: .venv/clusters  ## what must hold when things die; clusters are started where that is possible
	OMP_NUM_THREADS=1 $(PYTEST) -m chaos

gpu: setup  ## what wants a GPU: its tests, the speeds that are measured there, an ablation; in a quarter of an hour
	.venv/bin/python -m bench.speed.gpu out/gpu

check: setup  ## what CI runs: style, types, tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(MAKE) test

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(BENCH) weights fetch || true  # for LPIPS: 64 MB, once; without a network one line says so and all else goes on
	touch $@

.venv/docs: .venv/installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

.venv/clusters: .venv/installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,ray,slurm]'
	touch $@

clean:  ## everything that was built; runs and data stay
	rm -rf .venv build site docs/reference *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
