"""Looking on from another terminal: `bench status --watch`, `bench logs`, and directories that cannot be read."""

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time

import pytest
from rich.console import Console

from bench.common import lease
from bench.common.live_table import LiveView
from bench.spec.experiment import Experiment
from bench.sweep import active
from bench.sweep.logs import follow, last_lines
from bench.sweep.progress import SweepProgress
from bench.sweep.run_table import Pace
from bench.sweep.watch import StoreView, watch


@pytest.fixture
def run(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    return run


@pytest.fixture
def owned(run):
    lease_ = lease.take(run.path)
    yield lease_
    lease_.release()


def _lines(run, times):
    """Metrics of steps 1, 2, 3 ... at these seconds."""
    for step, when in enumerate(times, 1):
        line = {"step": step, "time": when, "loss/matching": 1 / step}
        with open(run.path / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def _text(board, width=200, height=40):
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(board.render(width, height))
    return console.export_text()


def test_speed_is_steps_over_time_and_what_lies_between_two_processes_does_not_count(run):
    _lines(run, [100.0, 100.5, 101.0, 5000.0, 5000.5])
    pace = Pace.of(run)
    assert pace.speed == pytest.approx(2.0) and pace.seconds_left(15) == pytest.approx(5.0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_speed_is_told_of_the_first_steps_which_take_longer_than_others(run, count):
    assert Pace.of(run) is None
    _lines(run, [100.0, 140.0, 140.5][:count])
    pace = Pace.of(run)
    assert pace.speed is None and pace.figures(10).startswith(f"step {count}/10  matching")
    (run.path / "metrics.jsonl").unlink()
    _lines(run, [100.0, 140.0, 140.5, 141.0])
    assert Pace.of(run).speed == pytest.approx(2.0)


def test_a_board_shows_step_speed_loss_validation_and_where_a_run_is(store, pair, run, owned):
    _lines(run, [100.0, 100.5, 101.0])
    run.metrics.append(3, {"validation/psnr": 12.345})
    board = StoreView(store, pair)
    board.refresh()
    shown = _text(board)
    assert "tiny" in shown and "3/6" in shown and "12.35 dB" in shown and "matching 0.3333" in shown
    assert f"process {os.getpid()}" in shown and "2 runs: 1 running, 1 new, 3 steps to go" in shown


def test_a_board_of_a_store_finds_runs_that_appear_later(store, tiny, run):
    board = StoreView(store)
    board.refresh()
    assert len(board.planned_runs) == 1
    store.run(tiny.but(seed=5)).create(tiny.but(seed=5))
    board.refresh()
    assert len(board.planned_runs) == 2


def test_on_a_low_screen_what_goes_on_and_what_failed_comes_first(store, tiny, pair):
    from dataclasses import replace

    many = replace(pair, variants={"tiny": tiny}, seeds=tuple(range(30)))
    failed = store.run(tiny.but(seed=29))
    failed.create(tiny.but(seed=29))
    failed.set_status("failed", kind="code", reason="as told")
    board = StoreView(store, many)
    board.refresh()
    shown = _text(board, width=100, height=12)
    assert "as told" in shown and "not shown)" in shown and len(shown.splitlines()) <= 12


def test_without_a_terminal_there_is_a_line_per_change_and_an_end(store, pair, run, capsys, monkeypatch):
    monkeypatch.setattr("bench.sweep.watch.REFRESH", 0.02)
    owned = lease.take(run.path)

    def end():
        time.sleep(0.2)
        run.set_status("failed", kind="code", reason="as told")
        owned.release()

    threading.Thread(target=end).start()
    watch(StoreView(store, pair), Console(width=200))
    out = capsys.readouterr().out
    assert out.index("tiny  seed 0  running") < out.index("tiny  seed 0  failed") < out.index("2 runs: 1 failed, 1 new")
    assert out.count("copy") == 1


def test_watching_a_sweep_that_has_just_been_started_waits_for_it(store, pair, tiny, capsys, monkeypatch):
    monkeypatch.setattr("bench.sweep.watch.REFRESH", 0.02)

    def begin():
        time.sleep(0.3)
        with active.register_sweep(store, "pair-small", "bench run pair"):
            run = store.run(tiny)
            run.create(tiny)
            owned = lease.take(run.path)
            time.sleep(0.3)
            owned.release()

    beginning = threading.Thread(target=begin)
    beginning.start()
    watch(StoreView(store), Console(width=200))
    beginning.join()
    out = capsys.readouterr().out
    assert "nothing is running in" in out and "running" in out


def test_watching_where_nothing_is_going_on_says_so_and_ends(store, capsys, monkeypatch):
    monkeypatch.setattr("bench.sweep.watch.REFRESH", 0.02)
    monkeypatch.setattr("bench.sweep.watch.BEGIN_S", 0.1)
    watch(StoreView(store), Console(width=200))
    assert capsys.readouterr().out.splitlines() == [
        f"nothing is running in {store.root}; waiting 0 s for a run to start",
        "0 runs",
    ]


def test_watching_ends_with_q_and_leaves_the_sweep_and_the_terminal_as_they_were(store, tiny, run):
    with active.register_sweep(store, "mine-small", "bench run mine.py"):
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "bench.cli", "status", "--watch", "--store", str(store.root)]
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}
        child = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
        os.close(theirs)
        screen = _until(ours, b"q closes this")
        assert b"\x1b[?1049h" in screen and b"sweep mine-small" in screen and run.name[:10].encode() in screen
        os.write(ours, b"q")
        after_q = _until(ours, b"\x1b[?1049l")
        assert child.wait(timeout=20) == 0 and b"\x1b[?1049l" in after_q
        assert active.active_sweeps(store) and not active.active_sweeps(store)[0].stop_requested()


def _until(handle, word):
    """What a terminal shows until it has shown `word`."""
    received, end = b"", time.monotonic() + 60
    while word not in received and time.monotonic() < end:
        if select.select([handle], [], [], 0.2)[0]:
            try:
                received += os.read(handle, 4096)
            except OSError:
                break
    return received


def test_directories_whose_spec_cannot_be_read_are_named_and_stop_nothing(finished, tmp_path):
    damaged = tmp_path / "runs" / "lmc-0123456789ab"
    damaged.mkdir()
    odd = tmp_path / "runs" / "lmc-ffffffffffff"
    odd.mkdir()
    (odd / "spec.json").write_text('{"model": 3}')
    code, out, _ = finished("status")
    assert code == 0 and out.count("finished") == 2
    assert out.count("damaged") == 2 and "lmc-0123456789ab" in out and "lmc-ffffffffffff" in out


def test_a_log_is_shown_by_part_of_a_runs_name_with_how_it_ended(finished):
    code, out, err = finished("logs", "lmc", "-n", "1")
    assert code == 0 and out.count("\n") <= 1 and "finished" in err
    assert finished("logs", "nonsense")[0] == 2


def test_following_a_log_goes_on_until_the_run_ends(run, monkeypatch):
    monkeypatch.setattr("bench.sweep.logs.POLL_S", 0.01)
    (run.path / "log.txt").write_text("one\ntwo\nthree\n")
    text, end = last_lines(run, 2)
    assert text == "two\nthree\n"
    owned = lease.take(run.path)
    log_text = follow(run, end)
    with open(run.path / "log.txt", "ab") as log:
        log.write(b"four \xc3")
        log.flush()
        threading.Timer(0.1, lambda: (log.write(b"\xa9\nfive"), log.flush(), owned.release())).start()
        assert "".join(log_text) == "four é\nfive"


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_live_views_show_numbers_whole_or_not_at_all_however_narrow_the_terminal(store, tiny, width):
    experiment = Experiment("?", {"no query decomposition": tiny.but(steps=12345)}, seeds=(0, 12345))
    allowed_words = {"no", "query", "decomposition", "0", "12345", "running", "failed", "1234/12345", "0/12345", "1234"}
    run, other = (store.run(spec) for _, spec in experiment.runs())
    run.create(run_spec := experiment.variants["no query decomposition"].but(seed=0))
    other.create(run_spec.but(seed=12345))
    other.set_status(
        "failed", kind="code", reason="after 271828 words a very long sentence of 31415 letters says why this run has ended"
    )
    now = time.time()
    for step, when in ((1232, now - 1), (1233, now - 0.5), (1234, now)):
        with open(run.path / "metrics.jsonl", "a") as file:
            file.write(json.dumps({"step": step, "time": when, "loss/storing": 0.271828, "loss/matching": 0.314159}) + "\n")
    run.metrics.append(1234, {"validation/psnr": 12.345})
    owned = lease.take(run.path)
    board = StoreView(store, experiment)
    board.refresh()
    shown = _text(board, width, 30).replace("│", " ")
    console = Console(width=width, record=True, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115
    display = SweepProgress(console, board.planned_runs, 0)
    display.started(board.planned_runs[0])
    display.tick()
    console.print(display.live.get_renderable())
    live = console.export_text()
    owned.release()
    facts = {"12.35", "0.2718", "0.3142", "271828", "31415", str(os.getpid())}
    measured = r"1\.5\d?|\d+\.\d"  # hours left, steps a second
    for text in (shown.partition("2 runs:")[0], live.partition("runs done")[2]):
        assert max(map(len, text.splitlines())) <= width
        words = [word.strip("…,():") for word in text.split() if any(sign.isdigit() for sign in word)]
        odd = [word for word in words if word not in allowed_words | facts and not re.fullmatch(measured, word)]
        assert not odd, text
    assert "1234/12345" in shown and "1234/12345" in live
    assert "running" in shown and "failed" in shown
    assert width < 60 or ("no query decomposition" in shown and "no query decomposition" in live)


def test_a_line_that_stays_is_folded_between_words_and_a_path_stays_whole():
    console = Console(width=60, force_terminal=True, color_system=None, file=io.StringIO())
    name = "trial 0 again: size=1 lr=0.002 long=20 slots=50 temperature=1 seed 1  PSNR 11.18 dB"
    path = "/a/long/path/to/a/log/that/does/not/fit/on/one/line/of/this/screen.txt"
    view = LiveView(console)
    view.say(f"[none]✓[/] {name}", markup=True)
    view.say(f"see {path}")
    lines = console.file.getvalue().splitlines()
    assert " ".join(lines).split() == f"✓ {name} see {path}".split() and path in lines


@pytest.mark.parametrize("width", [60, 80, 120])
def test_variants_that_differ_in_their_last_words_are_told_apart_on_any_screen(store, tiny, width):
    labels = ["no alignment", "no alignment, equal updates", "no alignment, equal updates and frames", "ConvLSTM"]
    board = StoreView(store, Experiment("?", {label: tiny.but(steps=9 + n) for n, label in enumerate(labels)}))
    board.refresh()
    rows = [line for line in _text(board, width, 30).splitlines() if "no alignment" in line or "ConvLSTM" in line]
    names = [line.partition(" 0 new")[0].strip() for line in rows]
    assert len(set(names)) == len(labels), names
