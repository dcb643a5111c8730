"""The executor that the options of a command describe, and those options as they are typed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence


def executor(
    name: str,
    workers: int,
    per_gpu: int,
    runs: int,
    on: Sequence[str] | None = None,
    address: str | None = None,
    devices: int = 1,
    threads: int = 0,
) -> Any:
    """The executor that these options describe. runs: how many the plan has.

    A user's own executor is trusted from now on, since later commands ask its queue.
    """
    from bench.common import trust
    from bench.spec import catalog

    name = catalog.canonical("executors", name)
    options: dict[str, Any] = {"workers": workers} if workers else {}
    options |= {"address": address} if address else {}
    options |= {"per_gpu": per_gpu} if per_gpu > 1 else {}
    options |= {"devices": devices} if devices > 1 else {}
    options |= {"threads": threads} if threads else {}
    options |= dict(map(_option, on or []))
    if name == "local":
        from bench.common.machine import cores, gpus

        if not workers and not gpus():
            room = cores() // (options.get("threads") or options.get("devices", 1))
            options["workers"] = max(1, min(room, runs))  # few runs share all cores; finished runs count too
    catalog.load("executors", name)  # an unknown executor is refused before its options are
    built = catalog.build("executors", name, options)
    if ":" in name:
        trust.remember([name.partition(":")[0]])
    return built


def _option(setting: str) -> tuple[str, Any]:
    """The name and the value of one `--on`."""
    from bench.spec.shell_values import parse_value

    name, equals, text = setting.partition("=")
    if not equals:
        raise BenchError(f"--on takes NAME=VALUE, such as partition=gpu; got '{setting}'")
    return name.strip().replace("-", "_"), parse_value(text)


def on(executor: str, on: Sequence[str] | None, address: str | None, **sizes: int) -> str:
    """The executor's options as they are typed, for a command that continues. sizes: workers, per_gpu, devices, threads."""
    arguments = [] if executor == "local" else ["--executor", executor]
    arguments += [*(["--address", address] if address else []), *(word for setting in on or [] for word in ("--on", setting))]
    defaults = {"workers": 0, "per_gpu": 1, "devices": 1, "threads": 0}
    for name, size in sizes.items():
        arguments += [f"--{name.replace('_', '-')}", str(size)] if size != defaults[name] else []
    return f" {shlex.join(arguments)}" if arguments else ""
