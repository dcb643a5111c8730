"""What has to be said under a table: where the numbers come from, and every run that is not as planned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.columns import shown
from reports.quantities import several
from reports.results import Results

SMALL_SCALE = "Small scale: a smoke test of the machinery; draw no conclusions from the ranking."


@dataclass(frozen=True)
class Footnote:
    """A sentence or two. mark: the sign in the table that it explains, empty for what holds for all of it.

    in_rows: whether each row of a CSV file, which has no footnotes, repeats it.
    """

    text: str
    mark: str = ""
    in_rows: bool = False


def changed_settings(results: Results) -> list[Footnote]:
    """That settings were changed for all variants, so that nobody takes the numbers for the experiment's own."""
    changed = ", ".join(results.metadata.changed)
    return [Footnote(f"Changed in every variant that has it: {changed}.", in_rows=True)] if changed else []


def footnotes(
    results: Results,
    protocol_marks: Mapping[str, str],
    scores: Iterable[str],
    how_to_read: Iterable[str] = (),
    *remarks_by_variant: Mapping[str, str],
) -> tuple[list[Footnote], dict[str, tuple[str, ...]]]:
    """The footnotes of a table that shows `scores`, and for each variant the marks of the footnotes about its own runs.

    remarks_by_variant: variant -> what else is to be said of it.
    """
    shown = [score for score in dict.fromkeys(scores) if len(results.scores)]
    filled = [score for score in shown if score not in results.sets and results.scores[score].notna().any()]
    sets = [score for score in shown if score in results.sets]
    full = [score for score in sets if np.isfinite(results.sets[score].values).any()]
    concerns = {
        variant: [
            *_run_notes(results, variant, filled),
            *(remarks[variant] for remarks in remarks_by_variant if variant in remarks),
        ]
        for variant in results.variants
    }
    texts_once = dict.fromkeys(text for texts in concerns.values() for text in texts)  # equal ones share a mark
    numbered = {text: str(number) for number, text in enumerate(texts_once, start=1)}
    marks = {variant: tuple(numbered[text] for text in texts) for variant, texts in concerns.items() if texts}
    set_protocols = {score.partition("/")[0] for score in results.sets}  # named by the notes of these scores
    unmarked = [name for name, mark in protocol_marks.items() if not mark and name not in set_protocols]
    metadata = results.metadata
    general = [
        SMALL_SCALE if results.scale == "small" else "",
        f"Data: {metadata.dataset}, {metadata.split} split, {several(metadata.clips, 'clip')} "
        f"(fingerprint {metadata.fingerprint}); {metadata.context} context frames, then {metadata.horizon} predicted"
        + (f" by models trained for {metadata.trained}." if metadata.trained not in (None, metadata.horizon) else "."),
        f"Evaluated checkpoint: {metadata.selection}.",
        f"Means over frames, clips and seeds {ranges(results.seeds)}."
        if len(results.seeds) > 1
        else f"Means over frames and clips of seed {ranges(results.seeds)}.",
        *how_to_read,
        *(f"Protocol {_protocol(results, name)}." for name in unmarked),
        *(results.sets[score].note for score in full),
        *_empty(results, [score for score in shown if score not in (*filled, *full)]),
        f"Only clips of '{metadata.label}'." if metadata.label else "",
        *metadata.notes,
    ]
    return [
        *(Footnote(f"Protocol {_protocol(results, name)}.", mark) for name, mark in protocol_marks.items() if mark),
        *(Footnote(text, mark) for text, mark in numbered.items()),
        *changed_settings(results),
        *(Footnote(text) for text in general if text),
    ], marks


def _protocol(results: Results, name: str) -> str:
    return f"{name}, version {results.protocols[name]}" if name in results.protocols else name


def _run_notes(results: Results, variant: str, scores: Sequence[str]) -> list[str]:
    """What is not as planned with a variant's runs: "seeds 1, 2 failed: out of memory." """
    runs = results.planned.get(variant, [])
    if not runs:
        return ["No run is planned."]
    number = list(results.variants).index(variant)
    scored = results.clips_scored[number]
    remarks: dict[str, list[int]] = {}
    for run in runs:
        if run["state"] != "finished":
            reason = run["reason"]
            remarks.setdefault(f"{run['state']}{f': {reason}' if _is_text(reason) else ''}", []).append(int(run["seed"]))
        elif (clips := scored[results.seeds.index(run["seed"])]) < len(results.clips):
            remarks.setdefault(f"scored on {clips} of {len(results.clips)} clips", []).append(int(run["seed"]))
        if run["state"] == "finished":
            for remark in _lost(results, number, run, scores):
                remarks.setdefault(remark, []).append(int(run["seed"]))
        if _is_text(run["deviations"]):
            remarks.setdefault(f"deviates: {run['deviations']}", []).append(int(run["seed"]))
    codes: dict[str, list[int]] = {}
    for run in runs:
        if _is_text(run.get("own_code")):
            codes.setdefault(run["own_code"], []).append(int(run["seed"]))
    versions = "; ".join(f"seed{'s' if len(seeds) > 1 else ''} {ranges(seeds)} with {code}" for code, seeds in codes.items())
    sources = dict.fromkeys(run["source"] for run in runs if _is_text(run.get("source")))
    return [
        *sources,
        *([f"Seeds were trained with different code: {versions}."] if len(codes) > 1 else []),
        *(f"Seed{'s' if len(seeds) > 1 else ''} {ranges(seeds)} {remark.rstrip('.')}." for remark, seeds in remarks.items()),
    ]


def _lost(results: Results, variant: int, run: Mapping[Any, Any], scores: Sequence[str]) -> list[str]:
    """Which scores a run lacks: those that were not computed, and those that are not finite on some of its clips."""
    lost: dict[int, list[str]] = {}
    reasons = []
    seed = results.seeds.index(run["seed"])
    for score in scores:
        label = shown(score, results.metric(score))
        if _is_text(reason := run.get(f"{score.partition('/')[2]}_missing")):
            reasons.append(f"without {label}: {reason}")
        elif clips := int(results.clips_lost(score)[variant, seed]):
            lost.setdefault(clips, []).append(label)
    total = results.clips_scored[variant, seed]
    return reasons + [f"without a finite {' and '.join(names)} on {clips} of {total} clips" for clips, names in lost.items()]


def _empty(results: Results, scores: Iterable[str]) -> list[str]:
    """Why columns are empty altogether, for the scores that are."""
    names = {score.partition("/")[2]: shown(score, results.metric(score)) for score in scores}
    return [
        f"{label} is empty: {results.metadata.missing.get(name) or 'it was not computed'}.".replace("..", ".")
        for name, label in sorted(names.items())
    ]


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in few words: "0-4, 7"."""
    runs = np.array(sorted(numbers), dtype=int)
    groups = np.split(runs, np.flatnonzero(np.diff(runs) != 1) + 1)
    spans = [f"{group[0]}-{group[-1]}" if len(group) > 2 else ", ".join(map(str, group)) for group in groups if len(group)]
    return ", ".join(spans) or "none"


def _is_text(value: object) -> bool:
    """Whether a value in a table of runs is text; where there is none, it is an empty string or NaN."""
    return isinstance(value, str) and bool(value.strip())
