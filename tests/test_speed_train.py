"""Training against the plain path, and results of `bench speed` that are kept, shown again and compared."""

import json
import signal

import pytest
import torch
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.spec.component import Component
from bench.spec.runspec import RunSpec
from bench.speed import results, train
from bench.speed.timing import NotMeasured, Timing
from bench.speed.train_worker import own_step, plain_step
from bench.training.optimizer import Adam
from bench.training.step import take_step
from lmc.learner import MemoryAlignment
from lmc.model import LMC
from lmc.plain import PlainLMC
from tests.conftest import TINY

CPU, SHAPE = torch.device("cpu"), (1, 16, 16)
CLIP = torch.rand(2, 11, *SHAPE, generator=torch.Generator().manual_seed(1))


def row(ratio: float, name: str = "small: float32") -> train.TrainingRow:
    return train.TrainingRow(name, 0.4, 20.0, 0.07, 0.8, 400_000_000, ratio, 1.0)


def curve(kind: type[LMC], precision: str, steps: int = 50) -> list[float]:
    """The matching losses of training on one batch."""
    torch.manual_seed(0)
    model = kind(SHAPE, width=8, layers=2, slots=5)
    learner = MemoryAlignment(model, context=9, horizon=2, steps=steps)
    optimizer = Adam(model.parameters(), lr=1e-3)
    spec = TINY.but(precision=precision)
    return [float(take_step(spec, model, learner, optimizer, CLIP, step)["matching"]) for step in range(steps)]


@pytest.fixture(scope="module")
def plain() -> list[float]:
    return curve(PlainLMC, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_fifty_iterations_end_within_a_hundredth_of_the_plain_path_s_loss(plain, precision):
    ours = curve(LMC, precision)
    assert plain[-1] < 0.7 * plain[0]  # it has learnt something
    assert ours[-1] == pytest.approx(plain[-1], rel=0.01)


def test_both_contestants_take_the_same_step():
    spec: RunSpec = TINY.but(learner=Component("memory_alignment", long=11))
    losses = []
    for make_step in (own_step, plain_step):
        torch.manual_seed(0)
        step = make_step(spec, SHAPE, CPU)
        frozen = [cell.cell_contents for cell in step.__closure__]
        model = next(value for value in frozen if isinstance(value, LMC))
        step()
        losses.append(torch.cat([weight.detach().flatten() for _, weight in sorted(model.named_parameters())]))
    assert_close(*losses, rtol=1e-4, atol=1e-5)


def test_operations_of_an_iteration_are_those_that_training_performs():
    from torch.utils.flop_counter import FlopCounterMode

    step = own_step(TINY, SHAPE, CPU)
    with FlopCounterMode(display=False) as counter:
        step()
    assert train.iteration_flops(TINY, SHAPE) == counter.get_total_flops()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_step_on_a_gpu_never_makes_the_host_wait(precision):
    step = own_step(TINY.but(precision=precision), SHAPE, torch.device("cuda"))
    step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.slow
def test_measuring_gives_a_row_for_the_plain_path_and_each_precision(monkeypatch):
    monkeypatch.setattr(train, "SMALL", ("tiny", TINY, SHAPE))
    monkeypatch.setattr(train, "ROUNDS", {"small": 2})
    monkeypatch.setattr(train, "has_bf16", lambda device: True)
    rows = list(train.measure("small", device="cpu"))
    assert [timing.name for timing in rows] == [
        "tiny, 2 clips: plain path, float32",
        "tiny, 2 clips: float32",
        "tiny, 2 clips: bf16",
    ]
    assert rows[0].ratio == 1 and all(min(timing.seconds, timing.share, timing.ratio, timing.memory) > 0 for timing in rows)


@pytest.mark.slow
def test_a_contestant_that_cannot_train_says_so_in_one_line():
    order = {"spec": TINY.to_json(), "plain": False, "shape": SHAPE, "device": "cuda:7", "core": 0}
    with (
        pytest.raises(BenchError, match="'there is no such GPU' could not be measured"),
        train.TrainWorker("there is no such GPU", order),
    ):
        pass


class PretendedWorker:
    """A worker whose steps take a second, twice as long on the plain path. fails: at which request, of those with that name."""

    fails: dict[str, int] = {}
    ready = {"warm_up": 3.0}

    def __init__(self, label, order):
        self.label, self.order, self.requests = label, order, 0

    def __enter__(self):
        return self

    def __exit__(self, *error): ...

    def ask(self, **request):
        self.requests += 1
        if self.fails.get(self.label) == self.requests:
            raise BenchError(f"'{self.label}' could not be measured: out of memory")
        return {"seconds": 1 + self.order["plain"], "peak": 10.0} if request else {"peak_memory": 100}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_one_way_of_training_that_fails_leaves_the_others_rows(monkeypatch, device):
    monkeypatch.setattr(train, "TrainWorker", PretendedWorker)
    orders = {"plain": {"plain": True}, "float32": {"plain": False}, "bf16": {"plain": False}}
    monkeypatch.setattr(PretendedWorker, "fails", {"float32": 2})
    plain, float32, bf16 = train.compare(orders, TINY, 20, rounds=3, device=device)
    assert (plain.ratio, bf16.ratio, bf16.share, bf16.memory, bf16.warm_up) == (1.0, 2.0, 2.0, 100, 3.0)
    assert float32 == NotMeasured("float32", "'float32' could not be measured: out of memory")
    monkeypatch.setattr(PretendedWorker, "fails", {"plain": 1})
    plain, float32, bf16 = train.compare(orders, TINY, 20, rounds=3, device=device)
    assert isinstance(plain, NotMeasured) and float32.ratio is bf16.ratio is None and bf16.seconds == 1


def test_a_worker_that_is_interrupted_while_it_starts_ends(monkeypatch):
    started = []

    def interrupted(self):
        started.append(self.process)
        raise KeyboardInterrupt

    monkeypatch.setattr(train.TrainWorker, "_answer", interrupted)
    order = {"spec": TINY.to_json(), "plain": False, "shape": SHAPE, "device": "cpu", "core": 0}
    with pytest.raises(KeyboardInterrupt), train.TrainWorker("tiny", order):
        pass
    assert started[0].returncode == -signal.SIGKILL


def test_rows_are_written_as_they_are_measured_and_one_that_was_not_says_why(bench, monkeypatch, tmp_path):
    first_rows = []

    def measure(**chosen):
        yield row(1.2)
        first_rows.append(json.loads((tmp_path / "rows.json").read_text())["train"])
        yield NotMeasured("small: bf16", "out of memory")
        raise KeyboardInterrupt  # as at a time limit

    monkeypatch.setattr(train, "measure", measure)
    assert bench("speed", "train", "--out", "rows.json")[0] == 130
    assert [of_row["ratio"] for of_row in first_rows[0]] == [1.2]
    values = json.loads((tmp_path / "rows.json").read_text())
    assert [of_row["name"] for of_row in values["train"]] == ["small: float32", "small: bf16"]
    monkeypatch.setattr(train, "measure", lambda **chosen: results.from_json(values)["train"])
    code, out, _ = bench("speed", "train", "--compare", "rows.json")
    assert code == 1 and "small: bf16: not measured: out of memory" in out and "small: float32: 1.00 times" in out


def test_figures_that_have_become_slower_are_flagged_and_only_those():
    then = {"train": [row(1.2), row(2.0, "small: bf16")], "data": [Timing("kth", 0.1, "OpenCV", 20.0)]}
    earlier = json.loads(json.dumps(results.to_json(then)))
    now = {"train": [row(1.0), row(1.9, "small: bf16"), row(1.0, "new")], "data": [Timing("kth", 0.2, "OpenCV", 24.0)]}
    changes = {change.name: (round(change.ratio, 2), change.slower) for change in results.changes(now, earlier)}
    assert changes == {"small: float32": (0.83, True), "small: bf16": (0.95, False), "kth": (1.2, False)}


def test_a_kept_result_is_shown_again_compared_and_written_where_it_is_asked_for(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(train, "measure", lambda **chosen: [row(1.2)])
    code, out, err = bench("speed", "train", "--scale", "small", "--out", "then.json")
    assert code == 0 and "1.20 x" in out and "runs/speed/" in err
    assert bench("speed", "train", "--last")[1] == bench("speed", "--last")[1] == out
    monkeypatch.setattr(train, "measure", lambda **chosen: [row(0.9)])
    code, out, _ = bench("speed", "train", "--compare", "then.json")
    assert code == 1 and "small: float32: 0.75 times as fast as before  SLOWER" in out
    assert bench("speed", "train", "--compare", "then.json", "--json")[0] == 1
    assert json.loads((tmp_path / "then.json").read_text())["train"][0]["ratio"] == 1.2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tran"], "there is no measure 'tran': did you mean 'train'?"),
        (
            ["data", "--scale", "small"],
            "--scale is a setting of `bench speed train`, `bench speed threads`, not of `bench speed data`",
        ),
        *([] if torch.cuda.is_available() else [(["train", "--device", "cuda"], "PyTorch finds no CUDA device here")]),
        (["train", "--recipe", "kth"], "--recipe is one of two that are measured with --scale paper-size on a GPU"),
        (["train", "--compare", "nothing.json"], "nothing.json holds no result of `bench speed`"),
        (["data", "--last"], "speed has no result of `bench speed data`; run that first"),
    ],
)
def test_what_cannot_be_measured_or_compared_is_refused_in_words(bench, words, message):
    code, _, err = bench("speed", *words)
    assert code == 2 and message in err
