"""A store of the version before is read, reported, resumed and rescored: its runs keep their keys and their numbers.

tests/data/old_store.tar.xz was made by version 0.1.0, when bench/ had no layers yet: LMC-Memory (predictions kept, checkpoints
taken out), a ConvLSTM (its last checkpoint kept), a ConvLSTM that was stopped after 4 of 6 steps, copying the last frame, and
kept results of others.
"""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from bench.evaluation.scores import load
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import RESUMABLE, plan
from tests import old_store
from tests.old_store import LABELS, MEANS

ARCHIVE = Path(__file__).parent / "data" / "old_store.tar.xz"


@pytest.fixture
def old(bench, tmp_path):
    """The command line beside the old store and the experiment that it answers."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    shutil.copy(Path(old_store.__file__), tmp_path / "old.py")
    return bench


@pytest.fixture
def old_root(old, tmp_path):
    return tmp_path / "runs"


def means(root: Path) -> dict[str, dict[str, float]]:
    """Label -> mean scores under `standard`, of the runs that are scored."""
    planned_runs = plan(old_store.experiment("small"), Store(root))
    return {
        planned.label: load(planned.run.scores_file(planned.evaluations[0].key)).means()
        for planned in planned_runs
        if planned.state == FINISHED
    }


def test_its_runs_are_found_under_their_keys(old_root):
    planned_runs = plan(old_store.experiment("small"), Store(old_root))
    assert {planned.label: planned.run.name for planned in planned_runs} == LABELS
    assert [planned.state for planned in planned_runs] == [FINISHED, FINISHED, RESUMABLE, FINISHED]
    assert planned_runs[2].why.endswith("at step 4 of 6")


def test_it_is_reported_with_the_results_of_others(old, old_root):
    code, out, err = old("report", "old.py", "--metrics", "psnr,ssim", "--with", "theirs", "--format", "csv")
    assert code == 0, err
    for label, shown in {"LMC": "10.875", "ConvLSTM": "13.195", "copy": "38.735", "theirs": "38.735"}.items():
        assert any(line.startswith(f"{label},{shown}") for line in out.splitlines()), (label, out)
    assert old("explain", "old.py", "ConvLSTM", "psnr")[0] == 0


def test_its_interrupted_run_goes_on_to_the_scores_of_a_run_that_never_stopped(old, old_root):
    code, _, err = old("run", "old.py", "--executor", "inline")
    assert code == 0, err
    for label, scores in means(old_root).items():
        present_means = {name: scores[name] for name in MEANS[label]}
        assert present_means == pytest.approx(MEANS[label], rel=1e-3, abs=1e-4), label


def test_it_is_rescored_from_kept_predictions_from_checkpoints_and_for_others(old, old_root):
    before = means(old_root)
    for path in old_root.glob("*/scores/*.npz"):
        old_scores = load(path)
        old_scores.values[..., old_scores.names.index("standard/ssim")] = 0.5
        old_scores.save(path)
    assert {scores["standard/ssim"] for scores in means(old_root).values()} == {0.5}
    code, out, err = old("rescore", "old.py", "--protocol", "standard", "--with", "theirs", "--only", "LMC,ConvLSTM,copy")
    assert code == 0, err + out
    after = means(old_root)
    for label, scores in before.items():
        assert np.isclose(after[label]["standard/psnr"], scores["standard/psnr"], rtol=1e-3), label
        assert np.isclose(after[label]["standard/ssim"], scores["standard/ssim"], rtol=1e-2, atol=1e-4), label
