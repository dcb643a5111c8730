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
    help="Train, score and compare video-prediction models: LMC-Memory, its ablations and the RNN baselines.\n\n"
    "Start with `bench run ablation`, then `bench report ablation`. Anything can be interrupted; "
    "the same command goes on with it.",
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
    """What goes with every command, in any place."""
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
        if isinstance(getattr(exited.__context__, "__cause__", None), KeyboardInterrupt):  # which Typer makes an exit of
            print("interrupted; the same command continues from here", file=sys.stderr)
        if isinstance(exited.__context__, BrokenPipeError):  # of which Typer makes an exit with 1
            raise exited.__context__ from None
        sys.stdout.flush()  # now, where a reader that has gone can still be forgiven
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
    """The words of a command line with --trust MODULE before the command, where it may be written, too."""
    trusted: list[str] = []
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--":
            rest += [word, *waiting]
        elif word == "--trust":
            trusted += [word, *([following] if (following := next(waiting, None)) is not None else [])]
        elif word.startswith("--trust="):
            trusted.append(word)
        else:
            rest.append(word)
    return [*trusted, *rest]


if __name__ == "__main__":
    main()
