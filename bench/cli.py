"""The command line, `bench`. Heavy imports stay inside the commands, so that `bench --help` answers at once."""

from __future__ import annotations

import sys

import typer

from bench.commands import (
    data,
    explaining,
    looking,
    planning,
    predicting,
    reporting,
    rescoring,
    running,
    scoring,
    speed,
    stopping,
    tracking,
    tuning,
    watching,
)
from bench.errors import BenchError

app = typer.Typer(
    name="bench",
    help="Train, score and compare video-prediction models: LMC-Memory, its ablations and the RNN baselines.\n\n"
    "Start with `bench run ablation`, then `bench report ablation`. Anything can be interrupted; "
    "the same command goes on with it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
ROOMS = (
    *(planning, running, tuning, stopping, watching, reporting, explaining, tracking, scoring, rescoring),
    *(predicting, data, looking, speed),
)
for room in ROOMS:
    room.register(app)


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 some runs failed, 2 usage or configuration, 130 interrupted but resumable.
    """
    try:
        app()
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except SystemExit as ended:
        if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):  # which Typer makes an exit of
            print("interrupted; the same command goes on from here", file=sys.stderr)
        raise
    except BrokenPipeError:  # `bench report | head` is no error
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
