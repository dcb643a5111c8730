"""Pictures for a report: the same test clips for every variant, from the predictions that their runs have kept."""

from __future__ import annotations

from collections.abc import Sequence

from bench.common.arrays import mapped
from bench.external.results import ExternalResult
from bench.store.run import FINISHED
from bench.sweep.plan import PlannedRun
from reports.page import Picture
from reports.results import Results
from reports.strips import animation, choose_clips, clip_scores, strip
from reports.style import printed


def pictures(
    planned_runs: Sequence[PlannedRun], results: Results, score: str, external_results: Sequence[ExternalResult] = ()
) -> list[Picture]:
    """A strip and an animation of the best, median and worst clip of the first variant; none where predictions are not kept.

    score: "protocol/psnr", which chooses the clips and is printed under their frames.
    """
    first = planned_runs[0]
    finished = [planned for planned in planned_runs if planned.state == FINISHED]
    files = [(planned.label, planned.seed, planned.run.predictions_file(planned.evaluations[0].key)) for planned in finished]
    files += [(external.name, external.seed, external.frames) for external in external_results]
    # The first seed that has frames represents its variant.
    by_label = {label: (seed, path) for label, seed, path in reversed(files) if path.exists()}
    if first.label not in by_label or score not in results.columns:
        return []
    data = first.spec.data.build()
    if first.spec.fingerprint is None:
        return []  # the report is made on a machine without the data
    from bench.external.predictions import as_floats  # imports torch

    context, evaluation = first.spec.context, first.evaluations[0]
    drawn = []
    for rule, clip in choose_clips(results, score).items():
        frames = data.clips(evaluation.split, clip, clip + 1, context + (evaluation.horizon or 0))[0].numpy()
        context_frames, truth = frames[:context], frames[context:]
        shown = [label for label in results.variants if label in by_label]
        paths = {label: by_label[label][1] for label in shown}
        predicted = {label: as_floats(mapped(path, path.parent.parent)[clip]) for label, path in paths.items()}
        scores = clip_scores(results, score, clip, {label: by_label[label][0] for label in shown})
        protocol = score.partition("/")[0]
        under = f"PSNR in dB ({protocol}) under each frame, error maps from 0 (black) to 1"
        drawing = strip(context_frames, truth, predicted, scores, errors=True)
        drawn.append(Picture(f"{rule} clip of {first.label} (number {clip}), {under}", "png", printed(drawing), f"clip_{rule}"))
        drawn.append(Picture(f"{rule} clip, animated", "gif", animation(context_frames, truth, predicted), f"clip_{rule}"))
    return drawn
