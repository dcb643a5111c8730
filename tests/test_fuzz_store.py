"""A small finished store is damaged at random, 500 times: no command falls, hangs, executes anything or leaves the store."""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import traceback
from pathlib import Path

import pytest

from bench import cli
from tests.conftest import EXPERIMENT

DAMAGES, PARTS = 500, 10
SECONDS = 20  # that a command may take
KINDS = (
    "bytes", "cut", "empty", "json", "field", "link", "folder link", "directory", "pipe", "huge", "device", "stray",
)  # fmt: skip
STRAY = ("lease-abc", "lease-999", "queue.json", "stop.json", "code.json", "sweep.json", "x-0123456789ab")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")
TOUCHES = ("open", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.truncate", "shutil.rmtree")
OTHERS = [
    None, True, 0, -1, 10**30, 1e308, "", "x" * 1000, "../../canary/secret", "\x1b[2J", [], [1], {}, {"a": 1}, [[]],
    "intruder:Thing",
    {"name": "subprocess:Popen", "options": {"args": "touch canary"}}, {"name": "intruder:Thing", "options": {}},
]  # fmt: skip


def damaged(store: Path, canary: Path, chance: random.Random) -> tuple[str, Path]:
    """Damage one thing of a store; what was done, and to which file."""
    files = sorted(path for path in store.rglob("*") if path.is_file() and ".code" not in path.parts)
    path = chance.choice(files)
    how = chance.choice(
        ["bytes", "cut", "empty", "json", "field", "link", "folder link", "directory", "pipe", "huge", "device", "stray"]
    )
    content = path.read_bytes()
    if how == "bytes" and content:
        flipped = bytearray(content)
        for _ in range(chance.randint(1, 20)):
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
        path.write_bytes(bytes(flipped))
    elif how == "cut":
        path.write_bytes(content[: chance.randrange(len(content) + 1)])
    elif how == "json":
        path.write_text(chance.choice([json.dumps(chance.choice(OTHERS)), "[" * 200_000, "{", "\x00", "NaN", "1e999"]))
    elif how == "field" and path.suffix == ".json":
        _change(path, chance)
    elif how == "huge":
        os.truncate(path, 2**40)
    elif how == "stray":
        stray = path.parent / chance.choice(STRAY)
        stray.write_text(json.dumps(chance.choice(OTHERS)))
    elif how == "folder link" and path.parent != store:
        folder = path.parent
        shutil.rmtree(folder)
        folder.symlink_to(canary)
    else:
        path.unlink()
        if how == "link":
            path.symlink_to(canary / "secret")
        elif how == "device":
            path.symlink_to(chance.choice(["/dev/zero", "/dev/stdin"]))
        elif how == "directory":
            path.mkdir()
        elif how == "pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(b"")
    return how, path


def _change(path: Path, chance: random.Random) -> None:
    """Another value somewhere in a JSON file."""
    with contextlib.suppress(ValueError):
        value = json.loads(path.read_text())
        parent, key = {"": value}, ""
        while isinstance(parent[key], dict) and parent[key] and chance.random() < 0.8:
            parent, key = parent[key], chance.choice(sorted(parent[key]))
        parent[key] = chance.choice(OTHERS)
        path.write_text(json.dumps(value if key else parent[""]))


class Watch:
    """What happens while commands run: an audit hook, which stays for good and so looks at `on`."""

    def __init__(self) -> None:
        self.on: tuple[Path, Path] | None = None
        self.events: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if self.on is None:
            return
        _, canary = self.on
        named = [os.fsdecode(word) for word in arguments if isinstance(word, str | bytes | Path)]
        if event in STARTS and not str(arguments[0]).endswith("git"):
            self.events.append(f"{event} {arguments!r:.200}")
        if event == "import" and named and named[0].partition(".")[0] in ("intruder", "this", "antigravity"):
            self.events.append(f"import {named[0]}")
        if event in TOUCHES and any(str(canary) in word for word in named):
            self.events.append(f"{event} {named!r:.200}")


@pytest.fixture(scope="module")
def watch():
    return Watch()


def run_command(folder: Path, words: tuple[str, ...], seconds: int = SECONDS) -> tuple[int, str]:
    """A command in this process: its exit code and all it said; a traceback is part of that."""
    out = io.StringIO()
    before = sys.argv
    sys.argv = ["bench", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            signal.alarm(seconds)
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                code = -1
                out.write(traceback.format_exc())
            finally:
                signal.alarm(0)
    finally:
        sys.argv = before
    return code, out.getvalue()


def commands(folder: Path, runs: list[str]) -> list[tuple[str, ...]]:
    lmc = next(name for name in runs if name.startswith("lmc"))
    return [
        ("status",), ("status", "mine.py"), ("plan", "mine.py"), ("list", "models"), ("logs", lmc, "-n", "5"),
        ("report", "mine.py"), ("explain", "mine.py", "tiny", "psnr"), ("gc", "--dry-run"), ("report", "tune:lmc"),
        ("eval", lmc, "--clips", "1"), ("predict", lmc, "clip.npy", "--out", "pictures"), ("rescore", "mine.py"),
        ("sync", "mine.py"),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_store_damaged_at_random_takes_no_command_down_and_touches_nothing_outside(
    trained, empty_mlflow, tmp_path, monkeypatch, watch, part
):
    import numpy as np

    canary, modules = tmp_path / "canary", tmp_path / "modules"
    canary.mkdir()
    modules.mkdir()
    (canary / "secret").write_text("secret words")
    (modules / "intruder.py").write_text(f"open({str(canary / 'executed')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_STORE", str(tmp_path / "runs"))
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    np.save(tmp_path / "clip.npy", np.zeros((11, 1, 16, 16), np.uint8))
    runs = sorted(path.name for path in trained.iterdir() if "-" in path.name and not path.name.startswith("."))

    shutil.copytree(trained, tmp_path / "runs")
    shutil.copy(empty_mlflow, tmp_path / "runs" / "mlflow.db")
    for words in commands(tmp_path, runs):  # undamaged, and with all the time that imports take
        code, output = run_command(tmp_path, words, seconds=0)
        assert code == (2 if words == ("report", "tune:lmc") else 0), (words, output)

    def hung(number, frame):
        raise TimeoutError("the command hangs")

    former = signal.signal(signal.SIGALRM, hung)
    try:
        for number in range(part, DAMAGES, PARTS):
            chance = random.Random(number)
            store = tmp_path / f"runs-{number}"  # another name every time: MLflow keeps databases open
            monkeypatch.setenv("BENCH_STORE", str(store))
            shutil.copytree(trained, store)
            shutil.copy(empty_mlflow, store / "mlflow.db")
            how, path = damaged(store, canary, chance)
            damage = f"damage {number}: {how} {path.relative_to(tmp_path)}"
            for words in commands(tmp_path, runs):
                watch.on, watch.events = (store, canary), []
                code, output = run_command(tmp_path, words)
                watch.on = None
                assert code in (0, 1, 2), (damage, words, output[-3000:])
                forbidden = [word for word in ("Traceback", "secret words", "\x1b[2J") if word in output]
                assert not forbidden, (damage, words, output[-3000:])
                assert not watch.events, (damage, words, watch.events)
                if words == ("status",):
                    well = [name for name in runs if name not in str(path)]
                    assert all(name in output for name in well) and output.count("finished") >= len(well), (damage, output)
            assert sorted(os.listdir(canary)) == ["secret"] and (canary / "secret").read_text() == "secret words", damage
            shutil.rmtree(store)
    finally:
        signal.signal(signal.SIGALRM, former)
