"""The training budget and the cost of each variant: a comparison is fair if budgets are alike; a footnote says if not."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from reports.columns import Column
from reports.footnotes import Footnote, changed_settings
from reports.mean_cells import seeds_scored
from reports.metric import Metric
from reports.quantities import counted, lasting, short, sized
from reports.results import Results
from reports.table import Cell, Row, Table

# Columns of `runs`: title, how a value is written, and whether it is a budget that a fair comparison holds alike.
COSTS: dict[str, tuple[str, Callable[[float], str], bool]] = {
    "parameters": ("parameters", counted, True),
    "parameters_used": ("parameters in use", counted, False),
    "flops": ("FLOPs per clip", counted, False),
    "train_seconds": ("training time", lasting, True),
    "updates": ("optimizer steps", counted, True),
    "samples": ("training clips", counted, True),
    "peak_memory_bytes": ("peak memory", sized, False),
    "rollout_seconds_per_clip": ("rollout per clip", lasting, False),
    "trials": ("tuning trials", counted, True),
    "tuning_seconds": ("tuning time", lasting, False),
}

TIME = "train_seconds"
HELD_EQUAL = ("samples", "updates", "parameters_used", "flops")  # what a control can hold equal
EQUAL = 0.05  # differences up to this share are none


def cost_table(results: Results) -> Table:
    """Costs per variant, means over its runs, with a warning for each budget that differs by more than twice."""
    columns = [Column(cost, COSTS[cost][0], Metric("down")) for cost in COSTS if results.cost(cost).notna().any()]
    costs = {column.key: results.cost(column.key) for column in columns}
    rows = [
        Row(variant, seeds_scored(results, variant), tuple(_cell(cost, spent[variant]) for cost, spent in costs.items()))
        for variant in results.variants
    ]
    sentences = [*equal_to_first(results), *_started(results)]
    notes = [
        *changed_settings(results),
        Footnote("Means over the runs of a variant."),
        *map(Footnote, sentences),
        *warnings(results),
    ]
    return Table("What each variant costs", tuple(columns), tuple(rows), tuple(notes), name=f"{results.name}-costs")


def _started(results: Results) -> list[str]:
    """What costs leave out: the training that a variant continues, or that it was not trained here."""
    if "source" not in results.runs:
        return []
    sources = results.runs.dropna(subset=["source"]).drop_duplicates(["variant", "source"])
    return [f"{run['variant']}: {run['source']}" for _, run in sources.iterrows()]


def warnings(results: Results) -> list[Footnote]:
    """A footnote for each budget in which trained variants differ by more than twice, and for times that say nothing."""
    machines = _machines(results)
    budgets = [cost for cost, (_, _, budget) in COSTS.items() if budget and not (cost == TIME and len(machines) > 1)]
    sentences = [_warning(results.cost(cost).drop(list(results.untrained)).dropna(), cost) for cost in budgets]
    if len(machines) > 1:
        sentences.append(f"Training times cannot be compared: the runs were trained on {', '.join(machines)}.")
    return [Footnote(text) for text in sentences if text]


def _machines(results: Results) -> list[str]:
    """The processors or accelerators of trained runs, as far as they are on record."""
    if not {"machine", TIME} <= set(results.runs):
        return []
    return sorted(results.runs.loc[results.runs[TIME] > 0, "machine"].dropna().astype(str).unique())


def equal_to_first(results: Results) -> list[str]:
    """A sentence for each of HELD_EQUAL: which variants have as much as the first, and how many times as much the others."""
    trained = [variant for variant in results.variants if variant not in results.untrained]
    sentences = []
    for name in HELD_EQUAL if trained else ():
        first, *others = trained
        spent = results.cost(name)
        comparable = [variant for variant in others if spent[variant] > 0]
        if not comparable or not spent[first] > 0:
            continue
        groups: dict[str, list[str]] = {}
        for variant in comparable:
            times = float(spent[variant] / spent[first])
            groups.setdefault("equal" if abs(times - 1) <= EQUAL else f"{short(times)} times", []).append(f"'{variant}'")
        comparisons = "; ".join(f"{amount} in {', '.join(variants)}" for amount, variants in groups.items())
        sentences.append(f"{COSTS[name][0][0].upper()}{COSTS[name][0][1:]}, beside '{first}': {comparisons}.")
    return sentences


def with_warnings(table: Table, results: Results) -> Table:
    """The comparison with a warning under it wherever it is not even-handed."""
    return replace(table, footnotes=(*table.footnotes, *warnings(results)))


def _cell(cost: str, value: float) -> Cell:
    return Cell() if pd.isna(value) else Cell(float(value), COSTS[cost][1](float(value)))


def _warning(values: "pd.Series[float]", cost: str) -> str:
    """A sentence where the most is more than twice the least."""
    spent = {str(variant): float(value) for variant, value in values.items()}
    if not spent or max(spent.values()) <= 2 * min(spent.values()):
        return ""
    title, format_cost, _ = COSTS[cost]
    least, most = min(spent, key=spent.__getitem__), max(spent, key=spent.__getitem__)
    times = f" by {short(spent[most] / spent[least])} times" if spent[least] else ""
    ends = f"{format_cost(spent[least])} for '{least}', {format_cost(spent[most])} for '{most}'"
    return f"Warning: budgets differ in {title}{times} ({ends}); the comparison is not even-handed."
