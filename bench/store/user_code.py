"""With which code of a user's own a run was trained: a class outside the suite is part of its settings by name only.

So the runs of an edited model keep their names. Plans, reports and the runs themselves say where the code has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.common.errors import BenchError
from bench.common.json_schemas import known_fields
from bench.common.reading import json_in
from bench.spec import catalog, signatures
from bench.spec.runspec import KINDS, RunSpec
from bench.store import schemas, seal
from bench.store.run import Run


def files(spec: RunSpec) -> list[Path]:
    """The files outside the suite that define what a spec names, in full or by an entry point."""
    paths: list[Path] = []
    for part, kind in KINDS.items():
        name = getattr(spec, part).name
        if target := _user_class(kind, name):
            paths += signatures.sources(*target, f"{part} '{name}'")
    return list(dict.fromkeys(paths))


def module_names(spec: RunSpec) -> list[str]:
    """The modules outside the suite that a spec names, in full or by an entry point."""
    targets = [_user_class(kind, getattr(spec, part).name) for part, kind in KINDS.items()]
    return list(dict.fromkeys(target[0] for target in targets if target))


def _user_class(kind: str, name: str) -> tuple[str, str] | None:
    """Module and class that a name stands for; None if they belong to the suite."""
    module, _, attribute = catalog.target(kind, name).partition(":")
    return None if module.partition(".")[0] in seal.PACKAGES else (module, attribute)


def hashes(spec: RunSpec) -> dict[str, str]:
    """These files by folder and name, "my_models/fading.py" -> a hash of the content: paths differ between machines."""
    return {_short(path): seal.digest(path.read_bytes()) for path in files(spec)}


def changed(run: Run, spec: RunSpec) -> list[str]:
    """The files that are not what they were when the run was trained, as far as that was recorded. spec: the run's."""
    try:
        present = hashes(spec)
        return differing(_recorded(run), present) if present else []
    except (BenchError, OSError):  # what is gone or damaged has a message of its own
        return []


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The names under which both have a file, and not the same one."""
    return [name for name in sorted(before) if name in now and now[name] != before[name]]


def _recorded(run: Run) -> Mapping[str, str]:
    """By the provenance, or in older stores by what the run was planned with; nothing before its training has begun."""
    provenance = run.provenance()
    if not provenance or "own_code" in provenance:
        return dict(provenance.get("own_code", {}))
    path = run.path / "code.json"
    planned = known_fields(json_in(path, run.path) or {}, schemas.CODE, path)
    return {_short(Path(name)): digest for name, digest in planned.get("own", {}).items()}


def _short(path: Path) -> str:
    return "/".join(path.parts[-2:])
