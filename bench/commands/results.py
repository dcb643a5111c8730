"""results: the scores of record of a repository, and the page of results that is made from them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _options, _output, _selection
from bench.common.errors import BenchError
from reports.quantities import several, sized

if TYPE_CHECKING:
    from bench.spec.experiment import Experiment
    from bench.store.store import Store
    from reports.record import Record

app = typer.Typer(help="Keep scores in a repository, and make pages from them.", no_args_is_help=True)
Page = Annotated[Path, typer.Argument(metavar="FILE.md", help="A page of results, or any Markdown page with blocks of them.")]
Records = Annotated[Path, typer.Option("--records", metavar="DIR", help="Where the scores of record are.")]
RECORDS = Path("evidence")


@app.command()
def keep(
    name: _options.Name,
    scale: _options.Scale = "small",
    seeds: _options.StoredSeeds = _options.ALL,
    only: _options.Only = None,
    settings: _options.Set = None,
    records: Records = RECORDS,
    called: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the file. Default: experiment, scale and data set.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="From this store alone, whatever is on record.")] = False,
    store_path: _options.StorePath = None,
) -> None:
    """Keep an experiment's scores in one compact file, to be committed.

    Per clip and frame, of all seeds that the store has, rounded to a tenth of the last digit that tables print; with the
    claims, what memories do as far as claims are about it, costs, and the commands that made them. Runs that the store lacks
    and a file of the folder has, on the same clips, are taken from there: seeds may be trained on several machines.
    """
    from bench.evidence.combining import combined, lacks, recorded_runs, refuse_loss, without_runs_nowhere
    from bench.evidence.keeping import record
    from bench.sweep.seeds import widened
    from reports.record import SUFFIX, save

    store = _options.store(store_path)
    chosen_seeds = None if seeds == _options.ALL else seeds  # all are what `keep` takes by itself
    choice = _options.Choice(name, scale, chosen_seeds, only, settings)
    declared = choice.experiment()
    by_name, unreadable = ({}, {}) if anew else _readable_records(records)
    experiment = declared if chosen_seeds else widened(declared, store, recorded_runs(by_name.values(), declared))
    chosen = _selection.select(experiment, store, ("standard",), None, [], choice.command("run"))
    with _output.doing() as tell:
        tell("keeping scores")
        of_store = record(experiment, chosen.planned_runs, {}, tell)
        stem = called or f"{experiment.name}-{experiment.scale}-{of_store.results.metadata.dataset}"
        if stem in unreadable:
            raise BenchError(f"{unreadable[stem]}; --name NAME keeps another file, --anew replaces it")
        same_first = [by_name[other] for other in sorted(by_name, key=lambda other: other != stem)]
        record_kept = combined(of_store, chosen.planned_runs, recorded_runs(same_first, experiment))
        record_kept = without_runs_nowhere(record_kept, declared.seeds)
    keeping = choice.command("results keep", anywhere=True) + (f" --name {shlex.quote(called)}" if called else "")
    commands = {"Trained by": _training(choice, declared, record_kept, store), "Kept by": keeping}
    record_kept = replace(record_kept, commands=commands)
    path = records / f"{stem}{SUFFIX}"
    if stem in by_name:
        refuse_loss(by_name[stem], record_kept, str(path))
    try:
        save(record_kept, path)
    except ValueError as error:
        raise BenchError(str(error)) from error
    for remark in (*lacks(record_kept), *(f"{why}; it was left out" for why in unreadable.values())):
        print(f"note: {remark}", file=sys.stderr)
    _tell_what_rounding_changes(record_kept, path)
    runs, ours = (_runs_scored(scored) for scored in (record_kept, of_store))
    origin = f" ({ours} of the store, {runs - ours} that were on record)" if runs > ours else ""
    print(f"wrote {path}: {several(runs, 'run')}{origin}, {sized(path.stat().st_size)}")


def _training(choice: _options.Choice, declared: Experiment, record: Record, store: Store) -> str:
    """The command that trains the runs of a record, with as many seeds as it has."""
    from bench.evidence import rounds

    decided = choice.seeds is None and bool(rounds.SeedRounds.of(declared, store).rounds())
    scored = {int(seed) for seed in record.results.scores["seed"].unique()}
    further = scored - set(declared.seeds)
    trained = choice.seeds or (str(max(further) + 1) if further and not decided else None)
    deciding = f" --decide --max-seeds {len(scored)}" if decided else ""  # else it would go on where claims are undecided
    return replace(choice, seeds=trained).command("run", anywhere=True) + deciding


def _runs_scored(record: Record) -> int:
    return len(record.results.scores[["variant", "seed"]].drop_duplicates())


def _tell_what_rounding_changes(record: Record, path: Path) -> None:
    from reports.record import load
    from reports.results_document import judged

    for exact, rounded in zip(judged(record), judged(load(path)), strict=True):
        if exact.verdict != rounded.verdict:
            print(f"rounding makes '{rounded.verdict}' of '{exact.verdict}': {exact.claim.sentence}", file=sys.stderr)


@app.command()
def write(page: Page, records: Records = RECORDS) -> None:
    """Write the page, or the blocks in it, from the scores of record.

    A page that people write has blocks: what stands between `<!-- results NAME claims 1,2 -->` and `<!-- /results -->` is made
    anew (NAME of a file of scores; claims, scores or costs; which rows). `NAME,NAME verdicts` has a column for each file. Any
    other page is written as a whole, with pictures in a folder of its name.
    """
    from reports import files
    from reports.results_document import figures, has_blocks
    from reports.style import save

    text_now = _text_now(page)
    by_name = _shown_records(records)
    text = _page_text(page, text_now, by_name, records)
    if not has_blocks(text_now):
        for name, figure in figures(by_name).items():
            save(figure, page.with_suffix(""), name, ("png",))
    files.write(page, text.encode())
    print(f"wrote {page} from {several(len(by_name), 'file')} of scores in {records}")


@app.command()
def check(page: Page, records: Records = RECORDS) -> None:
    """Check that the page agrees with the scores of record.

    Prints every line that differs; the exit code is then 1.
    """
    from reports.results_document import changed, has_blocks

    if not page.is_file():
        raise BenchError(f"there is no page {page}; `bench results write {page}` makes it")
    text_now, by_name = _text_now(page), _shown_records(records)
    wrong = changed(text_now, _page_text(page, text_now, by_name, records))
    for number, stated, right in wrong:
        print(f"{page}:{number}  the page says:  {stated}\n{' ' * len(f'{page}:{number}')}  the scores say: {right}")
    lacking = [] if has_blocks(text_now) else [path for path in _pictures(page, by_name) if not path.is_file()]
    for path in lacking:
        print(f"there is no picture {path}")
    print(f"{page}: {'all agrees' if not (wrong or lacking) else f'{len(wrong) + len(lacking)} differences'}")
    sys.exit(int(bool(wrong or lacking)))


def _pictures(page: Path, by_name: dict[str, Record]) -> list[Path]:
    from reports.results_document import picture_names

    return [page.with_suffix("") / f"{name}.png" for name in picture_names(by_name)]


def _text_now(page: Path) -> str:
    """What is in the page now; a BenchError if people wrote it and it has no blocks."""
    from reports.results_document import MADE, has_blocks

    if page.suffix != ".md":
        raise BenchError(f"a page of results is Markdown and ends in .md, got {page}")
    try:
        text_now = page.read_text("utf-8") if page.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"cannot read {page}: {error}") from error
    if text_now and not has_blocks(text_now) and not text_now.startswith(MADE):
        raise BenchError(
            f"{page} was not made by this command and has no blocks `<!-- results NAME claims -->`; it is left as it is"
        )
    return text_now


def _readable_records(folder: Path) -> tuple[dict[str, Record], dict[str, str]]:
    """All scores of record in a folder by name, and why others there cannot be read."""
    from reports.record import SUFFIX, load

    by_name, unreadable = {}, {}
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stem):
        try:
            by_name[path.stem] = load(path)
        except ValueError as error:
            unreadable[path.stem] = str(error)
    return by_name, unreadable


def _shown_records(folder: Path) -> dict[str, Record]:
    """The scores of record that a page is made from; a BenchError if there are none."""
    by_name, unreadable = _readable_records(folder)
    for why in unreadable.values():
        raise BenchError(why)
    if not by_name:
        raise BenchError(f"no scores of record are in {folder}; `bench results keep EXPERIMENT` puts some there")
    return by_name


def _page_text(page: Path, text_now: str, by_name: dict[str, Record], folder: Path) -> str:
    from reports.results_document import document, filled, has_blocks

    try:
        return filled(text_now, by_name) if has_blocks(text_now) else document(by_name, _typed(page), _typed(folder))
    except ValueError as error:
        raise BenchError(f"{page}: {error}") from error


def _typed(path: Path) -> Path:
    """A path relative to the current folder if it is inside, so that the page is the same however its path was typed."""
    absolute, current = path.absolute(), Path.cwd()
    return absolute.relative_to(current) if absolute.is_relative_to(current) else path
