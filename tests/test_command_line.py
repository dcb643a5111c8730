"""However a command ends, the command line says it in a line and with the right exit code; a bug alone keeps its traceback."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from bench.common import guarded
from bench.common.errors import BenchError


@pytest.fixture
def outcome_of(bench, monkeypatch):
    """The exit code and standard error of a command in which something is raised."""

    def call(error: BaseException) -> tuple[int, str]:
        def raises(as_json):
            raise error

        monkeypatch.setattr("bench.commands._listing.experiments", raises)
        code, _, err = bench("list", "experiments")
        return code, err

    return call


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BenchError("there is no such thing"), 2, "error: there is no such thing\n"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 1, "error: No space left on device: runs/x\n"),
        (OSError("the network is down"), 1, "error: the network is down\n"),
        (MemoryError(), 1, "error: out of memory; give it more (ulimit -v), or ask for less at once\n"),
        (
            RuntimeError("can't start new thread"),
            1,
            "error: the system starts no more threads for this process (ulimit -u, -v)\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted; the same command continues from here\n"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_every_end_has_its_exit_code_and_at_most_one_line(outcome_of, error, code, message):
    assert outcome_of(error) == (code, message)


def test_a_bug_keeps_its_traceback(outcome_of):
    with pytest.raises(ZeroDivisionError):
        outcome_of(ZeroDivisionError("a bug"))


def test_the_version_is_a_line(bench):
    from bench import __version__

    assert bench("--version") == (0, f"lmc-bench {__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ("--trust", "colorsys", "list", "protocols"),
        ("list", "protocols", "--trust", "colorsys"),
        ("list", "--trust=colorsys", "protocols"),
    ],
)
def test_trust_may_stand_before_or_after_the_command_and_is_said_once(bench, words):
    code, _, err = bench(*words)
    assert code == 0 and err.startswith("colorsys is trusted on this machine from now on (")
    assert bench(*words)[2] == ""


def test_what_stands_after_two_dashes_is_no_option(bench):
    code, _, err = bench("list", "--", "--trust", "colorsys")
    assert code == 2 and "there is no list of '--trust'" in err


def test_a_guarded_command_has_its_exit_code_and_leaves_the_handlers_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert guarded.run(["sh", "-c", "exit 3"], os.environ) == 3
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_ctrl_c_ends_a_guarded_command_and_all_that_it_started(tmp_path):
    shell = f"sleep 100 & echo $! > {tmp_path}/child; mv {tmp_path}/child {tmp_path}/ready; wait"

    def interrupt():
        until = time.monotonic() + 60
        while not (tmp_path / "ready").exists() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    assert guarded.run(["sh", "-c", shell], os.environ) == 128 + signal.SIGTERM
    assert not os.path.exists(f"/proc/{(tmp_path / 'ready').read_text().strip()}/exe") or sys.platform != "linux"


def test_python_m_bench_is_bench_and_answers_help_at_once():
    def seconds() -> float:
        """Of the processor, which others may be using too."""
        before = os.times()
        done = subprocess.run([sys.executable, "-m", "bench", "-h"], capture_output=True, text=True, check=True)
        assert "bench run ablation" in done.stdout
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_are_completed(shell):
    words = {"COMP_WORDS": "bench re", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "bench re"}
    environment = {**os.environ, **words, "_BENCH_COMPLETE": f"complete_{shell}"}
    code = "import sys; sys.argv = ['bench']; from bench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "report" in done.stdout and "rescore" in done.stdout and "plan" not in done.stdout
