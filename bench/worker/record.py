"""Writes provenance.json: with what a run is trained, and what of that changed when the run was resumed.

A run may go on with other code, other packages, on another machine. It then says so, as a deviation that names the step from
which on, and keeps what was on record before under `earlier`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.common.errors import listed
from bench.store import provenance, schemas, seal, snapshot, user_code
from bench.store.run import Run

if TYPE_CHECKING:
    import torch

    from bench.data.base import Dataset
    from bench.training.process_group import ProcessGroup

ROUNDING = ("torch", "numpy", "pillow")  # packages of which another version may compute or read other numbers
Record = Mapping[str, Any]  # what provenance.json holds


def begin(run: Run, data: Dataset, device: torch.device, group: ProcessGroup, step: int, batch_deviation: str) -> None:
    """Record with what a run is trained after a step, and as deviations what was otherwise up to it.

    batch_deviation: how training in parts of a batch departs from the spec, in words; empty if it does not.
    """
    before = run.provenance(to_write=True) if step else {}  # of steps that are trained once more nothing is left
    now = {**_now(run, data, device, group), "parts": batch_deviation}
    since = f" (from step {step + 1} on)" if step else ""
    changed = [*changes(before, now)] if step else []
    new_deviations = [f"{words}{since}" for words in (*changed, _change_of_parts(before, batch_deviation)) if words]
    recorded = {**before, **now}
    if deviations := [*before.get("deviations", []), *new_deviations]:
        recorded["deviations"] = deviations
    if changed:
        earlier = {name: before[name] for name in schemas.TRAINED_WITH if name in before}
        recorded["earlier"] = [*before.get("earlier", []), {"until": step, **earlier}]
    run.write("provenance.json", recorded)


def changes(before: Record, now: Record) -> Iterator[str]:
    """One sentence for each thing that has changed. What is not on record is not compared; where nothing is, one says so."""
    if not before.keys() - {"deviations"}:
        yield "with what it was trained before is not on record: its provenance.json was gone or damaged"
        return
    if _is_other_code(before.get("code", {}), now["code"]):
        yield f"trained with the suite's code at {_code(now['code'])}, before at {_code(before['code'])}"
    versions, versions_before = now["packages"], before.get("packages", {})
    names = [name for name in (*ROUNDING, *provenance.own_packages(versions)) if name in versions_before and name in versions]
    if others := [name for name in dict.fromkeys(names) if versions[name] != versions_before[name]]:
        new, old = (listed(f"{name} {some[name]}" for name in others) for some in (versions, versions_before))
        yield f"trained with {new}, before with {old}"
    hardware, hardware_before = _hardware(now), _hardware(before)
    if any(new != old for new, old in zip(hardware, hardware_before, strict=True) if new and old):
        yield f"trained on {' '.join(filter(None, hardware))}, before on {' '.join(filter(None, hardware_before))}"
    devices, devices_before = now["devices"], before.get("devices", now["devices"])
    if devices != devices_before:
        yield f"trained on {_number(devices, 'device')}, before on {devices_before}: sums round otherwise"
    threads, threads_before = now["threads"], provenance.threads_of(before) or now["threads"]
    if threads != threads_before and now["device"] == before.get("device", "cpu") == "cpu":
        yield f"trained with {_number(threads, 'thread')}, before with {threads_before}: sums round otherwise"
    if files := user_code.differing(before.get("own_code", {}), now["own_code"]):
        yield f"trained with another version of {listed(files)}"


def _now(run: Run, data: Dataset, device: torch.device, group: ProcessGroup) -> dict[str, Any]:
    """What is known of the training before it begins."""
    import torch

    spec, present = run.spec, provenance.collect()
    planned = snapshot.planned_for(run)  # `snapshot.verify` has made sure that this process executes that code
    digest = planned.digest if planned else seal.fingerprint(snapshot.code_folder())
    return {
        **present,
        "code": {**present["code"], "files": digest},
        "packages": {**present["packages"], **provenance.packages_of(user_code.module_names(spec))},
        "fingerprint": data.fingerprint(),
        "device": str(device),
        "devices": group.size,
        "threads": group.size * torch.get_num_threads(),
        "samples": spec.steps * spec.batch,
        "shape": data.shape,
        "own_code": user_code.hashes(spec),
    }


def _is_other_code(before: Record, now: Record) -> bool:
    """By the hash of all files; records of older versions have none, and are compared by commit and changes."""
    names = ("files",) if "files" in before else ("commit", "diff", "version")
    return bool(before) and any(before.get(name) != now.get(name) for name in names)


def _code(code: Record) -> str:
    """Which code that was: its commit, whether that was changed, and the hash by which the store names its copy."""
    commit = code.get("commit", "")
    words = f"version {code['version']}" if "version" in code else f"commit {commit[:12]}"
    changed = " and changes" if code.get("diff") else ""
    return f"{words}{changed}" + (f" (files {code['files']})" if "files" in code else "")


def _hardware(record: Record) -> tuple[str, str]:
    """The kind of device, and which processor or GPU that was; empty words for what is not on record."""
    kind, _, index = record.get("device", "").partition(":")
    machine = record.get("machine", {})
    if kind == "cpu":
        return kind, f"({machine['processor']})" if machine.get("processor") else ""
    names = machine.get("accelerators", [])
    number = int(index) if index.isdecimal() else 0
    return kind, f"({names[number]})" if number < len(names) else ""


def _change_of_parts(before: Record, batch_deviation: str) -> str:
    """How training in parts departs from the spec from now on, if that has changed."""
    if "parts" in before:
        return (batch_deviation or "trained on whole batches again") if batch_deviation != before["parts"] else ""
    declared = before.get("deviations", [])  # by older versions, which have recorded no more of it
    return "" if any(text.startswith(batch_deviation) for text in declared) else batch_deviation


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count > 1)}"
