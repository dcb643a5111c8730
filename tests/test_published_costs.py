"""The models are as large and as expensive as the published ones, less the modules and the work that those never use."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from baselines.conv_tt_lstm import ConvTTLSTM
from baselines.mau import MAU
from baselines.phydnet import PhyDNet
from baselines.rollout import Recurrent

# Parameters and multiply-adds (10 -> 10 frames) of the OpenSTL builds at 64x64x1, counted on their code; what is subtracted was
# found to get no gradient, or to be computed and thrown away.
PUBLISHED = {
    "mau": (MAU, {}, 4_483_588 - 8_259, 17_741_381_632),
    "phydnet": (PhyDNet, {}, 3_091_732, 15_848_985_472 - 38 * 14_450_688),  # 38 decodings of one branch alone
    "conv_tt_lstm": (ConvTTLSTM, {}, 2_687_281, 208_948_101_120),  # NVlabs' build, counted; the paper says 2.69 million
}


def on_meta(build: Callable[..., nn.Module], shape: tuple[int, int, int], **options) -> nn.Module:
    """The model without memory or arithmetic behind it, for counting."""
    with torch.device("meta"):
        return build(shape, **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_published_less_the_unused(name):
    build, options, parameters, _ = PUBLISHED[name]
    assert sum(p.numel() for p in on_meta(build, (1, 64, 64), **options).parameters()) == parameters


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_adds_do_not_exceed_the_published(name):
    build, options, _, published = PUBLISHED[name]
    model = on_meta(build, (1, 64, 64), **options).eval()
    with FlopCounterMode(display=False) as counter:
        if isinstance(model, Recurrent):
            frame, state = torch.zeros(1, 1, 64, 64, device="meta"), None
            for _ in range(19):
                frame, state = model.step(frame, state)
        else:
            model(torch.zeros(1, 10, 1, 64, 64, device="meta"), 10)
    found = counter.get_total_flops() // 2
    assert 0.98 * published < found <= published, f"{found:,} instead of {published:,}"


def test_kth_configurations_have_the_published_parameters():
    mau = on_meta(MAU, (1, 128, 128), shrink=2)
    assert sum(p.numel() for p in mau.parameters()) == 20_138_372 - 8_259
