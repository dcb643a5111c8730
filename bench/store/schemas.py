"""The fields of a store's files that their readers rely on; see `bench.common.json_schemas` for the notation.

A file whose fields have other types is damaged. Other fields are allowed: another version may have added them.
"""

from typing import Any

from bench.common.json_schemas import NUMBER, TEXT, TRUTH, WHOLE

STATUS = {"state": TEXT, "step": WHOLE, "reason": TEXT, "kind": TEXT, "trained": TRUTH, "updated": NUMBER}
LABELS = {"*": TEXT}
MICRO_BATCHES = {"micro_batches": WHOLE}
COSTS = {
    "parameters": (WHOLE, None),
    "parameters_used": (WHOLE, None),
    "flops": (NUMBER, None),
    "train_seconds": (NUMBER, None),
    "updates": (WHOLE, None),
    "samples": (WHOLE, None),
    "peak_memory_bytes": (WHOLE, None),
    "rollout_seconds_per_clip": (NUMBER, None),
}
"""Of the provenance: what a run cost, as reports and MLflow show it."""
TRAINED_WITH: dict[str, Any] = {
    "command": (TEXT, None),
    "code": {"commit": TEXT, "diff": TEXT, "version": TEXT, "files": TEXT},
    "packages": {"*": TEXT},
    "machine": {
        "host": TEXT, "system": TEXT, "processor": TEXT, "cores": (WHOLE, None), "threads": WHOLE, "memory_bytes": WHOLE,
        "accelerators": [TEXT],
    },
    "device": TEXT,
    "devices": WHOLE,
    "threads": WHOLE,
    "parts": TEXT,
    "own_code": {"*": TEXT},
}  # fmt: skip
PROVENANCE: dict[str, Any] = {
    **COSTS,
    **TRAINED_WITH,
    "written": (NUMBER, None),
    "fingerprint": (TEXT, None),
    "shape": [WHOLE],
    "deviations": [TEXT],
    "earlier": [{"until": WHOLE, **TRAINED_WITH}],
    "other_seconds": (NUMBER, None),
    "score_seconds": {"*": NUMBER},
}
QUEUE = {"job": TEXT, "user": WHOLE, "submitted": NUMBER, "idle": WHOLE, "executor": TEXT}
CODE = {"folder": TEXT, "digest": TEXT, "own": {"*": TEXT}}
SWEEP = {"experiment": TEXT, "command": TEXT, "began": NUMBER}
SCORES = {
    "protocols": {"*": WHOLE},
    "lpips": TEXT,
    "lpips_missing": TEXT,
    "targets": TEXT,
    "data": TEXT,
    "fingerprint": TEXT,
    "split": TEXT,
    "context": WHOLE,
    "labels": [TEXT],
    "source": TEXT,
    "sets": {"*": {"protocol": TEXT, "value": (NUMBER, None)}},
    "guest": {
        "name": TEXT, "seed": WHOLE, "what": TEXT, "given": TEXT, "path": TEXT, "hash": TEXT, "unfinished": TEXT, **PROVENANCE
    },
}  # fmt: skip
STUDY = {
    "aim": {"space": TEXT, "scale": TEXT, "objectives": [TEXT], "seeds": WHOLE, "seed": WHOLE, "settings": [TEXT]},
    "owner": TEXT,
    "storage": (TEXT, None),
}
TRIAL = {
    "runs": [TEXT], "spec": {}, "seconds": NUMBER, "kind": TEXT, "reason": TEXT, "pruned": TEXT, "owner": TEXT, "again": WHOLE,
}  # fmt: skip
RESULT = {
    "study": TEXT, "scale": TEXT, "objectives": [TEXT], "trials": WHOLE, "seconds": NUMBER, "base": ({}, None),
    "candidates": [
        {
            "trial": WHOLE, "settings": TEXT, "spec": {}, "search": [NUMBER], "seeds": [WHOLE], "confirmed": ([NUMBER], None),
            "diverged": [WHOLE],
        }
    ],
}  # fmt: skip
MEASURED = {
    "kind": TEXT, "family": TEXT, "place": TEXT, "step_seconds": (NUMBER, None), "score_seconds": {"*": NUMBER},
    "other_seconds": (NUMBER, None), "flops": (NUMBER, None), "batch": WHOLE, "parameters": (WHOLE, None),
    "run_bytes": (WHOLE, None),
}  # fmt: skip
FORECAST = {"probes": [MEASURED], "sizes": {"*": {"*": NUMBER}}}
COPIED = {
    "run_id": TEXT, "step": WHOLE, "scored": (WHOLE, None), "updated": NUMBER, "state": TEXT, "target": TEXT, "asked": TRUTH,
    "experiment": TEXT, "variant": TEXT, "uri": TEXT, "made_at": WHOLE,
}  # fmt: skip
