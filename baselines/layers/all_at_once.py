"""What both versions of SimVP share: as many frames as were seen are predicted in one pass."""

import torch
from torch import Tensor, nn


class AllAtOnce(nn.Module):
    """Encodes each frame, translates the features of all together, and decodes as many frames that follow.

    Longer horizons take its own predictions as the next context. Subclasses add the parts `translator`, `decoder` and
    `readout`.

    layer: makes a layer of the encoder from its channels in, its channels out and its stride.
    shape, context, spatial, spatial_layers, temporal_layers: as for SimVP.
    """

    encoder: nn.ModuleList
    translator: nn.Module
    decoder: nn.ModuleList
    readout: nn.Module

    def __init__(
        self,
        layer: type[nn.Module],
        shape: tuple[int, int, int],
        context: int,
        spatial: int,
        spatial_layers: int,
        temporal_layers: int,
    ):
        super().__init__()
        channels, rows, columns = shape
        shrink = 2 ** (spatial_layers // 2)
        if rows % shrink or columns % shrink:
            raise ValueError(f"{spatial_layers} spatial layers need sides divisible by {shrink}, got {columns}x{rows}")
        if spatial_layers < 1 or temporal_layers < 2 or spatial % 2:
            raise ValueError(
                f"spatial must be even, spatial_layers at least 1 and temporal_layers at least 2; "
                f"got {spatial}, {spatial_layers} and {temporal_layers}"
            )
        self.context = context
        self.halves = [number % 2 == 1 for number in range(spatial_layers)]  # which layers halve both sides
        self.encoder = nn.ModuleList(
            layer(spatial if number else channels, spatial, 2 if half else 1) for number, half in enumerate(self.halves)
        )

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1], T being the context it was built for -> the next `horizon` frames, not clamped."""
        if context.shape[1] != self.context:
            raise ValueError(f"this model was built to see {self.context} frames, got {context.shape[1]}")
        blocks = [self.translated(context)]
        while self.context * len(blocks) < horizon:
            blocks.append(self.translated(blocks[-1]))
        return torch.cat(blocks, 1)[:, :horizon]

    def translated(self, frames: Tensor) -> Tensor:
        """One pass: [B, T, C, H, W] -> the T frames that follow."""
        batch, count = frames.shape[:2]
        outline = features = self.encoder[0](frames.flatten(0, 1))
        for encode in self.encoder[1:]:
            features = encode(features)
        features = features.unflatten(0, (batch, count)).flatten(1, 2)  # [B, T*spatial, H', W']
        features = self.translator(features).unflatten(1, (count, -1)).flatten(0, 1)
        for decode in self.decoder[:-1]:
            features = decode(features)
        return self.readout(self.decoder[-1](self.joined(features, outline))).unflatten(0, (batch, count))

    def joined(self, features: Tensor, outline: Tensor) -> Tensor:
        """What the last layer of the decoder sees: its features and those of the encoder's first layer."""
        raise NotImplementedError
