"""However a command is ended, it leaves no traceback, no process and no half-said word."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import alive, descendants

ROOT = Path(__file__).parent.parent


def command(*words, folder, prefix="", suffix="", **settings):
    """A `bench` command in a shell."""
    environment = {**os.environ, "BENCH_STORE": str(folder / "runs"), "PYTHONPATH": str(ROOT)}
    line = f"{prefix} exec {sys.executable} -P -m bench.cli {' '.join(words)} {suffix}"
    line = line.replace("exec ", "") if suffix.startswith("|") else line
    return subprocess.Popen(
        ["bash", "-c", line],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **settings,
    )


def test_a_reader_that_goes_away_is_no_error(finished, tmp_path):
    for words in (("status",), ("list", "models"), ("report", "mine.py"), ("--help",)):
        piped = command(*words, folder=tmp_path, suffix='| true; echo "${PIPESTATUS[0]}"')
        out, _ = piped.communicate(timeout=100)
        assert out.split()[-1] == "0" and "Traceback" not in out and "BrokenPipe" not in out, (words, out)


def test_a_ctrl_c_while_the_command_line_is_loaded_is_a_line_and_no_traceback(tmp_path):
    marks = "import signal, sys, os; sys.argv = ['bench', '--help']\n"
    marks += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background is born without
    code = f"{marks}import bench.common.early\nos.kill(os.getpid(), signal.SIGINT)\nimport bench.cli\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 130 and done.stderr == "interrupted before anything had begun\n"
    code = f"{marks}import bench.cli\nprint(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "True\n"


def test_what_limits_memory_is_said_in_words(finished, tmp_path):
    for limit in (150_000, 400_000, 800_000):
        out, _ = command("eval", "lmc", folder=tmp_path, prefix=f"ulimit -v {limit};").communicate(timeout=100)
        assert "Traceback" not in out, (limit, out)


def test_a_file_that_may_not_grow_is_said_in_words(finished, tmp_path):
    out, _ = command("report", "mine.py", "--out", "table.json", folder=tmp_path, prefix="ulimit -f 1;").communicate(
        timeout=100
    )
    assert "Traceback" not in out, out
    out, _ = command("run", "mine.py", "--seeds", "2", folder=tmp_path, prefix="ulimit -f 400;").communicate(timeout=200)
    assert "Traceback" not in out and "runs finished" in out, out  # the summary comes all the same


@pytest.mark.slow
def test_a_killed_ui_leaves_no_server_on_its_port(finished, tmp_path, mlflow_ready):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ui = command("ui", "--port", str(port), folder=tmp_path)
    until = time.monotonic() + 100
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.3)
    started = descendants(ui.pid)
    assert started
    ui.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while any(map(alive, started)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(map(alive, started))
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_a_killed_report_leaves_no_child_and_no_word(finished, tmp_path):
    report = command("report", "mine.py", "--out", "book", folder=tmp_path)
    started: list[int] = []
    until = time.monotonic() + 100
    while not started and report.poll() is None and time.monotonic() < until:
        started = descendants(report.pid)
        time.sleep(0.02)
    assert started
    report.send_signal(signal.SIGKILL)
    out, _ = report.communicate(timeout=60)
    until = time.monotonic() + 20
    while any(map(alive, started)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(map(alive, started)) and "BrokenPipe" not in out and "Traceback" not in out
