"""The command line, `bench`. Heavy imports stay inside the commands, so that `bench --help` answers at once."""

from __future__ import annotations

from bench.common import early

# isort: split
import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bench import __version__
from bench.commands._lazy import LazyGroup
from bench.common import display, spelling
from bench.common.errors import BenchError, lack_of

early.over()
app = typer.Typer(
    name="bench",
    cls=LazyGroup,
    help="Train, score and compare video-prediction models: LMC-Memory, its ablations and the baselines.\n\n"
    "Start with `bench run ablation`, then `bench report ablation`. Anything can be interrupted; "
    "the same command continues it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(requested: bool) -> None:
    if requested:
        print(f"lmc-bench {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    trusted: Annotated[
        list[str] | None,
        typer.Option(
            "--trust",
            metavar="MODULE",
            help="Trust a module: its code may run where a store names it, now and later. Repeatable.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options that go with every command, before or after its name."""
    from bench.common import trust

    for name in trust.remember(trusted or []):
        print(f"{name} is trusted on this machine from now on ({trust.file()})", file=sys.stderr)


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 some runs failed, 2 usage or configuration, 130 interrupted but resumable.
    """
    gc.set_threshold(20_000, 20, 20)  # a store of thousands of runs is many objects in few cycles: look for those less often
    for stream in (sys.stdout, sys.stderr):
        spelling.spell_on(stream)
    try:
        with display.plain_output():
            _run()
            sys.stdout.flush()
    except BrokenPipeError:  # `bench report | head` is no error
        display.hush(sys.stdout)
        display.hush(sys.stderr)
        sys.exit(0)


def _run() -> None:
    try:
        app(_trust_first(sys.argv[1:]))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command continues from here", file=sys.stderr)
        sys.exit(130)
    except SystemExit as exited:
        if isinstance(getattr(exited.__context__, "__cause__", None), KeyboardInterrupt):  # Typer turns it into an exit
            print("interrupted; the same command continues from here", file=sys.stderr)
        if isinstance(exited.__context__, BrokenPipeError):  # Typer turns it into an exit with 1
            raise exited.__context__ from None
        sys.stdout.flush()  # now, while a BrokenPipeError can still be caught
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if (lack := lack_of(error)) is None:
            raise
        print(f"error: {lack}", file=sys.stderr)
        sys.exit(1)


def _trust_first(words: Sequence[str]) -> list[str]:
    """A command line with every --trust MODULE moved before the command; users may write it after the command, too."""
    trusted: list[str] = []
    others: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            others += [word, *remaining]
        elif word == "--trust":
            trusted += [word, *([module] if (module := next(remaining, None)) is not None else [])]
        elif word.startswith("--trust="):
            trusted.append(word)
        else:
            others.append(word)
    return [*trusted, *others]


if __name__ == "__main__":
    main()
