"""The runs of a report, a row each: state, costs, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.common.display import published
from bench.external.results import ExternalResult
from bench.spec.runspec import RunSpec
from bench.store import schemas
from bench.store.run import FINISHED
from bench.sweep.plan import PlannedRun


def run_row(planned: PlannedRun, searched: Mapping[str, float] | None = None) -> dict[str, Any]:
    """A run as a report shows it: its state, its costs (`searched`: those of finding its settings), where it comes from."""
    provenance = planned.run.provenance()
    row = {
        "variant": planned.label,
        "seed": planned.seed,
        "key": planned.run.name,
        "state": planned.state,
        "reason": "" if planned.state == FINISHED else planned.why,
        "deviations": "; ".join(provenance.get("deviations", [])),
        **{name: provenance.get(name) for name in (*schemas.COSTS, "command")},
        **(searched or {}),
        **_made_by(provenance),
        **({"own_code": own_code} if (own_code := _own_code(provenance)) else {}),
        **_started_from(planned.spec),
    }
    store = planned.run.path.parent
    return {name: published(value, store) if isinstance(value, str) else value for name, value in row.items()}


def _started_from(spec: RunSpec) -> dict[str, str]:
    """A sentence for the footnotes of a run that did not start from random weights."""
    if not spec.init:
        return {}
    file = Path(spec.init_file).name
    return {"source": f"Started from the weights in {file} (sha256 {spec.init_sha256[:12]}), not from random ones."}


def _made_by(provenance: dict[str, Any]) -> dict[str, Any]:
    """The code, the day (UTC), the packages and the machine behind a run, as far as recorded."""
    code, machine = provenance.get("code", {}), provenance.get("machine", {})
    changed = " with uncommitted changes" if code.get("diff") else ""
    return {
        "commit": code["commit"] + changed if "commit" in code else None,
        "date": datetime.fromtimestamp(provenance["written"], UTC).date().isoformat() if "written" in provenance else None,
        "torch": provenance.get("packages", {}).get("torch"),
        "machine": ", ".join(machine.get("accelerators", [])) or machine.get("processor"),
    }


def _own_code(provenance: dict[str, Any]) -> str:
    """Files of the user's own that a run was trained with, each with its hash: "my_models/fading.py 89111d9311c6"."""
    return ", ".join(f"{name} {digest}" for name, digest in sorted(provenance.get("own_code", {}).items()))


def external_row(external: ExternalResult) -> dict[str, Any]:
    """The row of an external result, whose costs are not recorded."""
    identity = {"variant": external.name, "seed": external.seed, "key": external.path.stem, "source": external.source}
    row = {**identity, "state": FINISHED, "reason": "", "deviations": ""}
    return {name: published(value) for name, value in row.items()}
