"""Claims with their verdicts in several files of scores: a line per claim, a column per file that judges it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from reports.claim import ALIGNMENT
from reports.claims import Judged
from reports.claims_table import frames_text, gain_text, metric_of
from reports.columns import unit_of
from reports.quantities import several
from reports.render import escaped
from reports.results import Results

NOT_CLAIMED = "–"
Judgements = Mapping[str, tuple[Results, Sequence[Judged]]]
"""Name of a file of scores -> its scores, and its claims with their verdicts."""


def all_claims(judgements: Judgements) -> str:
    """A table per experiment, so that what it claims can be compared between scales and data sets."""
    by_experiment: dict[str, dict[str, tuple[Results, Sequence[Judged]]]] = {}
    for name, (results, judged) in judgements.items():
        if judged:
            by_experiment.setdefault(results.name, {})[name] = (results, judged)
    return "\n\n".join(map(_of_experiment, by_experiment.values()))


def anchor(name: str) -> str:
    """How GitHub calls the heading that is this name."""
    return re.sub(r"[^\w-]", "", name.lower().replace(" ", "-"))


def verdicts(judgements: Judgements, heads: Sequence[str]) -> list[str]:
    """The lines of one table in Markdown: two of its head, then one per claim. heads: of the columns, as Markdown."""
    by_file = [_by_claim(*judged) for judged in judgements.values()]
    claims = dict.fromkeys(claim for cells in by_file for claim in cells)
    lines = [["claim", *heads], ["---"] * (1 + len(heads))]
    lines += [[escaped(claim[0]), *(cells.get(claim, NOT_CLAIMED) for cells in by_file)] for claim in claims]
    return [f"| {' | '.join(line)} |" for line in lines]


def _of_experiment(judgements: Judgements) -> str:
    question = next(results.question for results, _ in judgements.values())
    heads = [f"[{escaped(name)}](#{anchor(name)})" for name in judgements]
    return "\n".join([f"**{escaped(question)}**\n", *verdicts(judgements, heads)])


def _by_claim(results: Results, judged: Sequence[Judged]) -> dict[tuple[str, int], str]:
    """(sentence of a claim, how often it was said before) -> its verdict in words."""
    occurrences: Counter[str] = Counter()
    cells = {}
    for judgement in judged:
        sentence = judgement.claim.sentence
        cells[sentence, occurrences[sentence]] = _verdict(results, judgement)
        occurrences[sentence] += 1
    return cells


def _verdict(results: Results, judgement: Judged) -> str:
    """The verdict, the gain and what it rests on: "**holds** +1.40 [+0.70, +2.10] dB, frames 1-10, 10 seeds"."""
    if judgement.gain is None:
        return judgement.verdict
    verdict = f"**{judgement.verdict}**" if judgement.decided else judgement.verdict
    claim, gain = judgement.claim, gain_text(results, judgement)
    if claim.metric == ALIGNMENT:
        measured = f"{gain} (correlation)"
    else:
        unit = unit_of(metric_of(results, claim))
        measured = f"{gain}{f' {unit}' if unit else ''}, {frames_text(results, claim)}"
    return f"{verdict} {measured}, {several(len(judgement.seeds), 'seed')}"
