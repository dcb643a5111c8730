"""Which options of `bench report` go together: one that would change nothing is refused, and the message says why."""

from __future__ import annotations

from collections.abc import Mapping

from bench.common.errors import BenchError, listed

CHOOSE_SCORES = ("--metrics", "--protocol", "--frames", "--published")
UNUSED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "--differences": (("--published",), "published numbers are scores, and no differences"),
    "--costs": ((*CHOOSE_SCORES, "--label"), "costs are of whole runs"),
    "--memory": ((*CHOOSE_SCORES, "--label", "--with"), "it looks into the slots of the experiment's own memories"),
    "--claims": ((*CHOOSE_SCORES, "--with"), "each claim names its variants, metric, protocol and frames"),
}
"""Table -> the options that it would ignore, and why."""


def refuse_unused(options_in_use: Mapping[str, object]) -> None:
    """BenchError where an option would be ignored. options_in_use: option -> its value, falsy where it was not given."""
    tables = [table for table in UNUSED if options_in_use[table]]
    if options_in_use["--check"]:
        only_printing = ("--frames", "--published", "--out")
        if unused := [option for option in (*only_printing, *tables) if options_in_use[option]]:
            raise BenchError(f"--check compares the metrics and frames that the document has: {_do_not(unused)} go with it")
        if options_in_use["--format"] not in (None, "terminal", "json"):
            raise BenchError(
                f"--check prints lines, or with --format json an object; got --format {options_in_use['--format']}"
            )
        return
    if options_in_use["--ignore-unchecked"]:
        raise BenchError("--ignore-unchecked goes with --check")
    if len(tables) > 1:
        raise BenchError(f"{listed(tables)} are tables of their own; ask for one at a time")
    for table in tables:
        options, why = UNUSED[table]
        if unused := [option for option in options if options_in_use[option]]:
            raise BenchError(f"{table} is a table of its own: {_do_not(unused)} go with it, since {why}")


def refuse_options_of_single_tables(options_in_use: Mapping[str, object], protocols: int) -> None:
    """BenchError where an option chooses a table, though a folder gets all. protocols: how many were asked for."""
    single = ("--metrics", "--frames", "--format", "--differences", "--costs", "--memory", "--claims", "--published")
    if protocols > 1 or any(options_in_use[option] for option in single):
        raise BenchError(f"a folder gets all tables; {listed(single)} and several protocols are for single tables")


def _do_not(options: list[str]) -> str:
    """ "--frames does not", "--metrics, --frames do not"."""
    return f"{listed(options)} {'does' if len(options) == 1 else 'do'} not"
