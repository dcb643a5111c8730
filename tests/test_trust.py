"""Nothing that a store names is executed, unless the user of this machine has let it in by name."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from bench.common import trust
from bench.common.errors import BenchError
from bench.executors import worker_process
from bench.spec import catalog
from bench.spec.component import Component
from bench.spec.runspec import RunSpec
from bench.store import seal, snapshot
from bench.store.run import Run
from bench.store.store import Store
from tests.conftest import TINY, trained_run

EVIL = "import pathlib; pathlib.Path({canary!r}).write_text('executed')\n"


@pytest.fixture
def canary(tmp_path, monkeypatch) -> Path:
    """A file that exists once a module called `intruder`, which lies where Python looks, was imported."""
    modules = tmp_path / "modules"
    (modules / "intruder").mkdir(parents=True)
    target = tmp_path / "canary"
    (modules / "intruder" / "__init__.py").write_text(EVIL.format(canary=str(target)))
    (modules / "intruder" / "inner.py").write_text("from lmc.model import LMC\n\nclass Model(LMC):\n    'Mine.'\n")
    monkeypatch.syspath_prepend(str(modules))
    return target


def planted(run: Run, part: str, name: str, options: dict) -> Run:
    """A run whose spec names something else, under the name that its key asks for."""
    values = json.loads((run.path / "spec.json").read_text())
    values[part] = {"name": name, "options": options}
    (run.path / "spec.json").write_text(json.dumps(values))
    return run


@pytest.mark.parametrize("part", ["model", "learner", "data", "optimizer", "schedule"])
@pytest.mark.parametrize("name", ["subprocess:Popen", "this.x:Y", "intruder.inner:Model", "os:system", "lmc.model:LMC"])
def test_a_name_in_a_store_is_looked_up_and_never_imported(finished, tmp_path, canary, part, name):
    run = planted(trained_run(tmp_path), part, name, {"args": f"touch {canary}", "shell": True} if "Popen" in name else {})
    for words in (
        ("status",), ("status", "mine.py"), ("plan", "mine.py"), ("report", "mine.py"), ("eval", run.name), ("logs", run.name),
        ("predict", run.name, tmp_path), ("rescore", "mine.py"), ("gc", "--dry-run"), ("gc", "--dry-run", "--runs"), ("stop",),
    ):  # fmt: skip
        code, out, err = finished(*words)
        assert code in (0, 1, 2) and "Traceback" not in out + err
        assert "Zen of Python" not in out + err
    assert not canary.exists()
    output = finished("status")[1]
    assert run.name in output and "damaged" in output and "copy_last" in output


def test_the_result_of_a_search_is_data_too(finished, tmp_path, canary):
    folder = tmp_path / "runs" / "tuning" / "lmc-small"
    folder.mkdir(parents=True)
    spec = {**TINY.to_json(), "model": {"name": "intruder.inner:Model", "options": {}}}
    candidate = {"trial": 0, "settings": "", "spec": spec, "search": [1.0], "seeds": [0], "confirmed": None}
    result = {"study": "lmc", "scale": "small", "objectives": ["psnr"], "trials": 1, "seconds": 1.0, "candidates": [candidate]}
    (folder / "result.json").write_text(json.dumps(result))
    for words in (("plan", "tuned-lmc"), ("status", "tuned-lmc"), ("gc", "--dry-run", "--runs"), ("report", "tuned-lmc")):
        code, out, err = finished(*words)
        assert code in (0, 2) and "Traceback" not in out + err
    assert not canary.exists()


def test_what_the_user_trusts_is_remembered_outside_of_the_store(finished, tmp_path, monkeypatch):
    (tmp_path / "mine_too.py").write_text("from lmc.model import LMC\n\nclass Model(LMC):\n    'Mine.'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = TINY.but(model=Component("mine_too:Model", **TINY.model.options))
    store = Store(tmp_path / "runs")
    store.run(spec).create(spec)
    name = store.run(spec).name
    trust_nothing(monkeypatch)
    code, out, _ = finished("status")
    assert "mine_too" in out and "--trust mine_too" in out
    code, out, _ = finished("--trust", "mine_too", "status")
    assert code == 0 and "damaged" not in out, out
    trust_nothing(monkeypatch)
    assert "damaged" not in finished("status")[1]
    assert trust.file().is_file() and not trust.file().is_relative_to(store.root)
    assert finished("status", "--trust", "not a name")[0] == 2
    assert name in finished("status")[1]


def trust_nothing(monkeypatch):
    """As in another process."""
    monkeypatch.delenv(trust.VARIABLE, raising=False)


def test_a_trusted_module_gives_only_classes_of_the_kind_asked_for(tmp_path, monkeypatch):
    trust.allow(["collections", "torch"])
    for kind, name in (("models", "collections:OrderedDict"), ("datasets", "torch.nn:Linear"), ("models", "torch:manual_seed")):
        with pytest.raises(BenchError, match="is no"):
            catalog.load(kind, name)


def test_signatures_are_read_without_importing_the_parent(canary):
    assert catalog.purpose("models", "intruder.inner:Model") == "Mine."
    assert catalog.defaults("models", "intruder.inner:Model") == catalog.defaults("models", "lmc")
    assert not canary.exists()


def test_a_spec_in_code_may_name_any_module_and_one_read_from_json_may_not(canary):
    spec = TINY.but(model=Component("intruder.inner:Model", **TINY.model.options))
    with pytest.raises(trust.Untrusted, match="--trust intruder"):
        RunSpec.from_json(spec.to_json())
    trust.allow(["intruder"])
    assert RunSpec.from_json(spec.to_json()) == spec


def test_a_run_whose_key_is_not_its_name_is_refused_by_whatever_uses_its_numbers(finished, tmp_path):
    run = trained_run(tmp_path)
    values = json.loads((run.path / "spec.json").read_text())
    values["model"]["options"]["slots"] = 7
    (run.path / "spec.json").write_text(json.dumps(values))
    assert "damaged" in finished("status")[1]
    code, out, _ = finished("plan", "mine.py")
    assert code == 0 and "damaged" in out and "copy" in out
    for words in (("eval", run.name), ("predict", run.name, tmp_path), ("explain", "mine.py", "tiny", "psnr")):
        code, out, err = finished(*words)
        assert code == 2 or "damaged" in out, (words, out)
        assert "Traceback" not in err


def test_a_changed_copy_of_the_code_is_not_executed(store, tiny, tmp_path):
    run = store.run(tiny)
    run.create(tiny)
    copy = snapshot.take(store)
    (Path(copy.folder) / "lmc" / "__init__.py").write_text(EVIL.format(canary=str(tmp_path / "canary")))
    copy.note(run)
    with pytest.raises(BenchError, match="is not what its name says"):
        worker_process.environment(run, threads=1)
    second_copy = snapshot.take(store)  # planned anew, it is made anew
    assert seal.fingerprint(Path(second_copy.folder)) == second_copy.digest
    environment = worker_process.environment(run, threads=1)
    subprocess.run([sys.executable, "-P", "-c", "import lmc"], env=environment, check=True)
    assert not (tmp_path / "canary").exists()


def test_a_node_of_a_ray_cluster_hashes_the_copy_before_anything_of_it_is_executed(store, tiny, tmp_path):
    from bench.executors.ray import _work

    run = store.run(tiny)
    run.create(tiny)
    copy = snapshot.take(store)
    settings = {"PYTHONPATH": str(Path.cwd())}
    command = ["python", "-c", f"open({str(tmp_path / 'executed')!r}, 'w')"]
    (Path(copy.folder) / "bench" / "__init__.py").write_text(EVIL.format(canary=str(tmp_path / "canary")))
    message = _work(command, settings, str(run.path / "log.txt"), (copy.folder, copy.digest))
    assert "is not what its name says" in message and not (tmp_path / "executed").exists()
    second_copy = snapshot.take(store)
    path = sys.path[:]
    try:
        assert _work(command, settings, str(run.path / "log.txt"), (second_copy.folder, second_copy.digest)) == ""
    finally:
        sys.path[:] = path
    assert (tmp_path / "executed").exists() and not (tmp_path / "canary").exists()


COMPILED = f"lmc/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"


@pytest.mark.parametrize("name", ["sitecustomize.py", "torch.py", COMPILED, "numpy/__init__.py"])
def test_nothing_that_was_put_beside_the_copied_code_is_executed(store, tiny, tmp_path, name):
    run = store.run(tiny)
    run.create(tiny)
    copy = snapshot.take(store)
    copy.note(run)
    canary = tmp_path / "canary"
    planted = Path(copy.folder) / name
    planted.parent.mkdir(exist_ok=True)
    if name.endswith(".pyc"):
        from importlib import _bootstrap_external

        code = compile(EVIL.format(canary=str(canary)), "x.py", "exec")
        planted.write_bytes(_bootstrap_external._code_to_hash_pyc(code, b"12345678", checked=False))
    else:
        planted.write_text(EVIL.format(canary=str(canary)))
    try:
        environment = worker_process.environment(run, threads=1)
    except BenchError:
        pass
    else:
        subprocess.run([sys.executable, "-P", "-c", "import lmc, numpy"], env=environment, check=True)
    assert not canary.exists()


def test_the_code_of_a_run_is_looked_for_in_its_own_store_alone(store, tiny, tmp_path):
    run = store.run(tiny)
    run.create(tiny)
    other_copy = snapshot.take(Store(tmp_path / "elsewhere"))
    (run.path / "code.json").write_text(json.dumps(asdict(other_copy)))
    with pytest.raises(BenchError):
        worker_process.environment(run, threads=1)


def test_an_executor_is_something_that_runs_runs(finished):
    code, _, err = finished("run", "mine.py", "--fresh", "--executor", "subprocess:Popen")
    assert code == 2 and "subprocess:Popen" in err and "Traceback" not in err
