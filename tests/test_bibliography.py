"""Whoever uses a model, a data set or a metric is told what to cite."""

import re
from pathlib import Path

import pytest

from bench.metrics import METRICS
from bench.spec.catalog import CATALOG
from reports.bibliography import bibtex, entries

OWN = {"copy_last", "mean_context", "black", "actions", "frames", "videos"}  # stand on no paper
PIXELWISE = {"mse", "mae", "mse_sum", "mae_sum", "psnr"}


@pytest.mark.parametrize("name", [*CATALOG["models"], *CATALOG["datasets"]])
def test_every_model_and_data_set_has_an_entry_or_stands_on_no_paper(name):
    assert bool(bibtex([name])) != (name in OWN)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_that_somebody_invented_has_an_entry(name):
    assert bool(bibtex([name])) != (name in PIXELWISE)


def test_every_entry_has_a_title_authors_and_a_year():
    for key, entry in entries().items():
        assert all(f"  {field}" in entry for field in ("title", "author", "year")), key
        assert entry.count("{") == entry.count("}"), key


def test_two_variants_of_one_paper_give_its_entry_once():
    assert bibtex(["convlstm", "convlstm_peephole"]).count("@") == 1


@pytest.mark.parametrize(
    "name", sorted({path.partition(":")[0].rpartition(".")[2] for path in CATALOG["models"].values()} - {"trivial", "model"})
)
def test_every_baseline_file_opens_with_its_paper_and_the_tests_that_hold_it(name):
    root = Path(__file__).parent.parent
    opening = " ".join((root / "baselines" / f"{name}.py").read_text().split('"""')[1].split())
    entry = entries()["simvp" if name == "simvp_first" else name]
    title, number = re.search(r"title\s*= \{(.*)\},", entry)[1], re.search(r"eprint\s*= \{(.*)\}", entry)
    assert re.sub("[{}]", "", title) in opening and (number is None or f"arXiv {number[1]}" in opening)
    assert (root / re.search(r"Held by (\S+):", opening)[1]).exists()
