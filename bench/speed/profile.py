"""What a training step on a GPU spends its time on: `python -m bench.speed.profile RESULT.json [--compile]`.

The costliest kernels, how many are started in an iteration, and how long the GPU waits between them: from these the next
improvement can be made away from the machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch.autograd import DeviceType

from bench.common.files import write_json
from bench.spec.runspec import RunSpec
from bench.speed.train import ON_GPU
from bench.speed.train_worker import own_step

ITERATIONS = 3
COSTLIEST = 10


def profiled(spec: RunSpec, shape: tuple[int, ...], device: torch.device) -> dict[str, Any]:
    """Milliseconds and counts of an iteration: in all, in kernels, between them; and the costliest kernels."""
    step = own_step(spec, shape, device)
    for _ in range(4):
        step()
    torch.cuda.synchronize(device)
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(ITERATIONS):
            step()
        torch.cuda.synchronize(device)
    return summary(profiler.events() or [])


def summary(events: Iterable[Any]) -> dict[str, Any]:
    """The same from a profiler's events. Spans that PyTorch names (Optimizer.step) stand among the kernels: left out."""
    kernels = sorted(
        (event for event in events if event.device_type == DeviceType.CUDA and not event.is_user_annotation),
        key=lambda event: event.time_range.start,
    )
    by_name: dict[str, list[float]] = {}
    for event in kernels:
        by_name.setdefault(event.name, []).append(event.time_range.elapsed_us())
    span = kernels[-1].time_range.end - kernels[0].time_range.start if kernels else 0.0
    busy = sum(map(sum, by_name.values()))
    costliest = sorted(by_name.items(), key=lambda item: -sum(item[1]))
    return {
        "iteration_ms": span / ITERATIONS / 1000,
        "kernels_ms": busy / ITERATIONS / 1000,
        "between_ms": (span - busy) / ITERATIONS / 1000,
        "launches": len(kernels) / ITERATIONS,
        "costliest": [
            {
                "kernel": name[:160],
                "share": sum(times) / busy,
                "ms": sum(times) / ITERATIONS / 1000,
                "calls": len(times) / ITERATIONS,
            }
            for name, times in costliest[: 4 * COSTLIEST]
        ],
    }


def parser() -> argparse.ArgumentParser:
    """The command line's."""
    command_line = argparse.ArgumentParser(prog="python -m bench.speed.profile", description=__doc__)
    command_line.add_argument("result", type=Path)
    command_line.add_argument("--compile", action="store_true")
    return command_line


def main() -> None:
    """Profile the Moving-MNIST recipe in bfloat16 and keep the result."""
    options = parser().parse_args()
    name, spec, shape = ON_GPU["moving_mnist"]
    profile = profiled(spec.but(precision="bf16", compile=options.compile), shape, torch.device("cuda"))
    write_json(options.result, {"what": name, "gpu": torch.cuda.get_device_name(), **profile})
    of_it = f"{profile['between_ms']:.1f} of them between {profile['launches']:.0f} kernels"
    print(f"{name}: {profile['iteration_ms']:.1f} ms an iteration, {of_it}")
    for row in profile["costliest"][:COSTLIEST]:
        print(f"  {row['share']:6.1%} {row['ms']:8.2f} ms {row['calls']:6.0f} x {row['kernel'][:100]}")


if __name__ == "__main__":
    main()
