"""The command line, `bench`. Heavy imports stay inside the commands, so that `bench --help` answers at once."""

from __future__ import annotations

import sys

import typer

from bench.commands import (
    data,
    doctor,
    eval,
    explain,
    gc,
    list,
    logs,
    plan,
    predict,
    prepare,
    report,
    reproduce,
    rescore,
    results,
    run,
    speed,
    status,
    stop,
    sync,
    tune,
    ui,
    weights,
)
from bench.common.errors import BenchError

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
COMMANDS = (  # in the order of the help
    *(plan, run, tune, status, logs, stop, report, results, explain, ui, sync, eval, reproduce, rescore, weights),
    *(predict, prepare, data, list, doctor, speed, gc),
)
for command in COMMANDS:
    command.register(app)


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
