"""`bench report --claims`: verdicts printed, written and drawn from what the store has."""

import pytest

from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.sweep.seeds import with_seeds
from tests import deciding_samples
from tests.deciding_samples import CLEAR, EXPERIMENT, VARIANTS, MadeUp


@pytest.fixture
def decided(bench, store):
    """`bench report --claims` on a store in which one of two claims is decided."""
    planned_runs = plan(with_seeds(EXPERIMENT, {label: range(4) for label in VARIANTS}), store)
    Scheduler(planned_runs, store, MadeUp()).run()
    return lambda *words: bench("report", deciding_samples.__file__, "--claims", *words)


def test_a_report_of_claims_prints_a_verdict_for_each(decided):
    code, out, _ = decided()
    assert code == 0 and CLEAR.sentence in " ".join(out.split()) and "holds" in out and "undecided" in out


@pytest.mark.parametrize(("name", "start"), [("claims.png", b"\x89PNG"), ("claims.pdf", b"%PDF"), ("claims.svg", b"<?xml")])
def test_claims_are_drawn_where_the_file_is_a_picture(decided, tmp_path, name, start):
    code, out, err = decided("--out", name)
    assert (code, out) == (0, f"wrote {name}\n"), err
    assert (tmp_path / name).read_bytes().startswith(start)


def test_claims_in_a_file_are_those_that_are_printed(decided, tmp_path):
    assert decided("--out", "claims.md")[1] == "wrote claims.md\n"
    assert (tmp_path / "claims.md").read_text("utf-8") == decided("--format", "markdown")[1]
