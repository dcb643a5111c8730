"""Judged claims in every format, with a sentence on what each one compares."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reports.anytime import begins
from reports.claim import ALIGNMENT, Claim
from reports.claims import ALPHA, UNDECIDED, UNMEASURED, Judged
from reports.columns import Column, with_unit
from reports.costs import COSTS, EQUAL, HELD_EQUAL
from reports.csv_cells import csv_cell
from reports.footnotes import SMALL_SCALE, Footnote, changed_settings
from reports.quantities import lasting, several
from reports.results import Metric, Results
from reports.statistics import outlier
from reports.table import Cell, Row, Table
from reports.trivial import failing, failing_claims, failing_notes

CORRELATION = Metric("up", "", 3)
MORE_DIGITS = 9  # that a number may get; what then reads alike differs by rounding alone
_OF_ONE_LABEL = "Only clips of '{}': a verdict holds for these, and intervals allow for looking at one label, not at several."


def claims_table(results: Results, judged: Sequence[Judged]) -> Table:
    """One row a claim: what is compared, by how much it differs, the verdict, and what it rests on."""
    plain = Metric("up")
    columns = (
        Column("compared", "compared", plain, is_text=True),
        Column("gain", "gain [interval over seeds]", plain),
        Column("clips", "over clips", plain),
        Column("verdict", "verdict", plain, is_text=True),
        Column("more", "more seeds", plain),
    )
    notes: dict[str, str] = {}
    rows = []
    failures = failing(results)
    failed = failing_claims(failures)
    for judgement in judged:
        variants = judgement.claim.variants if judgement.seeds else ()
        sentences = [*_remarks(results, judgement), *(failed[variant] for variant in variants if variant in failed)]
        marks = tuple(sorted((notes.setdefault(text, str(len(notes) + 1)) for text in sentences), key=int))
        rows.append(Row(judgement.claim.sentence, str(len(judgement.seeds)), _cells(results, judgement), marks))
    marked = [Footnote(text, mark) for text, mark in notes.items()]
    general = [Footnote(text) for text in (*_how_to_read(results, judged), *failing_notes(failures, rates=False))]
    return Table(
        f"{results.question} What is claimed",
        columns,
        tuple(rows),
        (*marked, *changed_settings(results), *general),
        "claim",
        f"{results.name}-claims",
    )


def _cells(results: Results, judgement: Judged) -> tuple[Cell, ...]:
    clips = f"± {_number(results, judgement.claim, judgement.clips_half)}" if judgement.clips_half is not None else "–"
    return (
        Cell(text=compared(results, judgement.claim)),
        Cell(judgement.gain, gain_text(results, judgement), judgement.low, judgement.high, len(judgement.seeds)),
        Cell(judgement.clips_half, clips),
        Cell(text=judgement.verdict, best=judgement.decided),
        Cell(judgement.more, more_text(judgement)),
    )


def compared(results: Results, claim: Claim) -> str:
    """What a claim compares: "'full' against 'no memory': PSNR (dB), frames 21-30 against 1-10"."""
    clips = f", clips of '{results.metadata.label}'" if results.metadata.label else ""
    if claim.metric == ALIGNMENT:
        return f"'{claim.better}': correlation of storing and matching, same clip against others{clips}"
    metric = results.metrics.get(claim.metric, CORRELATION)
    protocol = "" if claim.protocol == "standard" else f", protocol {claim.protocol}"
    least = f", by {_number(results, claim, claim.at_least)} at least" if claim.at_least else ""
    pair, score = f"'{claim.better}' against '{claim.than}'", with_unit(claim.score, metric)
    return f"{pair}: {score}, {frames_text(results, claim)}{protocol}{least}{clips}"


def frames_text(results: Results, claim: Claim) -> str:
    """The frames that a claim is about: "frames 21-30 against 1-10"."""
    frames = _span(claim.frames) if claim.frames else f"frames 1-{results.metadata.horizon}"
    against = _span(claim.more_than).removeprefix("frames ").removeprefix("frame ") if claim.more_than else ""
    return f"{frames} against {against}" if against else frames


def _span(frames: tuple[int, int]) -> str:
    first, last = frames
    return f"frame {first}" if first == last else f"frames {first}-{last}"


def gain_text(results: Results, judgement: Judged) -> str:
    """ "+0.42 [+0.11, +0.73]"; without an interval where the seeds are too few for one.

    It has more digits than the metric's where an end of the interval, or a gain without one, would be read as what it is held
    against: 0, what is claimed, the margin.
    """
    if judgement.gain is None:
        return "–"
    claim, metric = judgement.claim, metric_of(results, judgement.claim)
    ends = [end for end in (judgement.low, judgement.high) if end is not None]
    limits = {0.0, claim.at_least, claim.within or 0.0, -(claim.within or 0.0)}
    pairs = [(end * metric.scale, limit * metric.scale) for end in ends or [judgement.gain] for limit in limits]
    digits = max((_digits(end, metric.digits, limit) for end, limit in pairs), default=metric.digits)
    text, *texts = (f"{value * metric.scale:+z.{digits}f}" for value in (judgement.gain, *ends))
    return f"{text} [{', '.join(texts) if len(texts) == 2 else '?'}]"


def _digits(value: float, digits: int, limit: float = 0.0) -> int:
    """The decimal digit_counts, `digits` at least, with which a value that is not the limit does not read as the limit."""
    digit_counts = range(digits, digits + MORE_DIGITS + 1)
    return next((count for count in digit_counts if f"{value:z.{count}f}" != f"{limit:z.{count}f}"), digits)


def _number(results: Results, claim: Claim, value: float, sign: bool = False) -> str:
    metric = metric_of(results, claim)
    scaled = value * metric.scale
    return f"{scaled:{'+' if sign else ''}z.{_digits(scaled, metric.digits)}f}"


def metric_of(results: Results, claim: Claim) -> Metric:
    """How the gains of a claim are written."""
    return CORRELATION if claim.metric == ALIGNMENT else results.metrics.get(claim.metric, CORRELATION)


def more_text(judgement: Judged) -> str:
    """How many more seeds an undecided claim would probably take, and what they cost: "about 4, 2.1 h"."""
    if judgement.verdict != UNDECIDED:
        return "–"
    if judgement.more is None:
        return "over 1,000" if len(judgement.seeds) > 1 else f"at least {begins(judgement.alpha) - len(judgement.seeds)}"
    return f"about {judgement.more}" + (f", {lasting(judgement.more * judgement.seconds)}" if judgement.seconds else "")


def _remarks(results: Results, judgement: Judged) -> list[str]:
    claim = judgement.claim
    margin = f"No difference: the whole interval within ±{_number(results, claim, claim.within)}." if claim.within else ""
    sentences = [f"Not measured: {judgement.why.rstrip('.')}." if judgement.verdict == UNMEASURED else "", margin]
    if judgement.open_over_clips:
        sentences.append(
            f"Decided for these {judgement.clips} test clips; over other clips the interval reaches the other side."
        )
    sentences += [_lost(results, judgement), _outlier(results, judgement)]
    return [
        *filter(None, [*sentences, equality(results, claim), f"Source: {claim.source.rstrip('.')}." if claim.source else ""])
    ]


def _lost(results: Results, judgement: Judged) -> str:
    """Which seeds do not count because a run of theirs has no score, though it will get no further."""
    seeds_by_end: dict[str, list[int]] = {}
    for label in judgement.claim.variants:
        for run in results.planned.get(label, []):
            if int(run["seed"]) not in judgement.seeds and (end := _end_without_score(results, judgement.claim, label, run)):
                seeds_by_end.setdefault(f"'{label}' {end}", []).append(int(run["seed"]))
    lost = [f"{end} with seed {', '.join(map(str, sorted(seeds)))}" for end, seeds in seeds_by_end.items()]
    return f"Without seeds that have no score: {'; '.join(lost)}." if lost else ""


def _end_without_score(results: Results, claim: Claim, label: str, run: Mapping[Any, Any]) -> str:
    """How a run ended that has no score for a claim: "diverged"; empty if it has one, or may still get one."""
    if run["state"] in ("diverged", "failed"):
        return str(run["state"])
    if claim.metric == ALIGNMENT:
        return "has no alignment" if run["state"] == "finished" else ""
    if isinstance(reason := run.get(f"{claim.metric}_missing"), str) and reason:
        return f"has no {claim.metric.upper()} ({reason})"
    if claim.score in results.columns:
        clips = int(results.clips_lost(claim.score)[results.variants.index(label), results.seeds.index(run["seed"])])
        if clips:
            return f"is not finite on {several(clips, 'clip')}"
    return ""


def _outlier(results: Results, judgement: Judged) -> str:
    """Which seed is none of the normal gains that an interval assumes: of a model that collapsed, for example."""
    if (unusual := outlier(judgement.gains)) is None:
        return ""
    position, p = unusual
    others = [*judgement.gains[:position], *judgement.gains[position + 1 :]]
    gain, low, high = (
        _number(results, judgement.claim, value, sign=True) for value in (judgement.gains[position], min(others), max(others))
    )
    return (
        f"Seed {judgement.seeds[position]} is an outlier (gain {gain}, the others {low} to {high}; Grubbs' test, p = {p:.1g}); "
        "the interval assumes normal gains."
    )


def equality(results: Results, claim: Claim) -> str:
    """What the two sides of a claim have equal, and what not; empty if no budget of both is recorded."""
    if len(claim.variants) < 2 or any(label in results.untrained for label in claim.variants):
        return ""
    equal: list[str] = []
    differ: list[str] = []
    for name in HELD_EQUAL:
        title, format_cost, _ = COSTS[name]
        ours, theirs = (float(results.cost(name).get(label, math.nan)) for label in claim.variants)
        if ours > 0 and theirs > 0:
            alike = abs(ours / theirs - 1) <= EQUAL
            (equal if alike else differ).append(title if alike else f"{title} ({format_cost(ours)}, {format_cost(theirs)})")
    both = f"in '{claim.better}' and '{claim.than}'"
    parts = [f"equal {both}: {', '.join(equal)}" if equal else "", f"not equal {both}: {', '.join(differ)}" if differ else ""]
    sentences = "; ".join(filter(None, parts)).replace(f"; not equal {both}", "; not equal")
    return f"{sentences[:1].upper()}{sentences[1:]}." if sentences else ""


def _how_to_read(results: Results, judged: Sequence[Judged]) -> list[str]:
    alpha = judged[0].alpha if judged else ALPHA
    together = f"for all {len(judged)} claims together, " if len(judged) > 1 else ""
    metadata = results.metadata
    return [
        *([SMALL_SCALE] if results.scale == "small" else []),
        f"Data: {metadata.dataset}, {metadata.split} split, {several(metadata.clips, 'clip')} "
        f"(fingerprint {metadata.fingerprint}).",
        *([_OF_ONE_LABEL.format(metadata.label)] if metadata.label else []),
        "Gain: how much better the first one is, paired by seed on the same test clips; mean over seeds.",
        f"[ ]: anytime-valid interval of that mean over seeds (t-mixture confidence sequence), {100 * (1 - ALPHA):g}% "
        f"{together}however often one looks and whenever one stops. It begins with {begins(alpha)} seeds.",
        "Over clips: half the 95% interval over test clips, for these trained models.",
        "Holds: the whole interval is above what is claimed (0, if nothing else is said); is refuted: below; "
        "makes no difference: within the stated margin.",
        "More seeds: what an undecided claim would probably take if mean and spread stay as they are.",
    ]


def claims_csv(results: Results, judged: Sequence[Judged]) -> str:
    """One line a claim."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(
        ["claim", "compared", "verdict", "gain", "low", "high", "over_clips", "seeds", "more_seeds", "source", "why", "changed"]
    )
    changed = csv_cell(", ".join(results.metadata.changed))
    for judgement in judged:
        numbers = (judgement.gain, judgement.low, judgement.high, judgement.clips_half)
        texts = ["" if number is None else f"{number:.6g}" for number in numbers]
        more = "" if judgement.more is None else judgement.more
        words = [csv_cell(text) for text in (judgement.claim.sentence, compared(results, judgement.claim), judgement.verdict)]
        origin = [csv_cell(text) for text in (judgement.claim.source, judgement.why)]
        writer.writerow([*words, *texts, len(judgement.seeds), more, *origin, changed])
    return page.getvalue()


def claims_json(results: Results, judged: Sequence[Judged]) -> str:
    """Everything about each claim, for a script."""
    entries = [
        {
            **asdict(judgement),
            "gain": judgement.gain,
            "outlier": judgement.seeds[unusual[0]] if (unusual := outlier(judgement.gains)) else None,
            "compared": compared(results, judgement.claim),
            "equality": equality(results, judgement.claim),
        }
        for judgement in judged
    ]
    failures = [asdict(group) for group in failing(results)]
    identity = {"name": results.name, "scale": results.scale, "label": results.metadata.label or None}
    document = {**identity, "changed": list(results.metadata.changed), "claims": entries, "failing": failures}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
