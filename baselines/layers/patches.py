"""Space to depth: frames as smaller maps of patches, which most recurrent baselines use."""

from torch import Tensor


def patched(shape: tuple[int, int, int], patch: int) -> tuple[int, int, int]:
    """(C, H, W) of a frame once patchified. ValueError if patches do not tile the frame."""
    channels, height, width = shape
    if height % patch or width % patch:
        raise ValueError(f"patches of {patch}x{patch} pixels do not tile frames of {width}x{height}; choose a divisor of both")
    return patch * patch * channels, height // patch, width // patch


def patchify(frame: Tensor, patch: int) -> Tensor:
    """[B, C, H, W] -> [B, p*p*C, H/p, W/p]; channel (dy*p+dx)*C+c is pixel (dy, dx) of the patch in channel c."""
    batch, channels, height, width = frame.shape
    tiles = frame.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return tiles.permute(0, 3, 5, 1, 2, 4).reshape(batch, patch * patch * channels, height // patch, width // patch)


def unpatchify(patches: Tensor, patch: int) -> Tensor:
    """The inverse of `patchify`."""
    batch, channels, height, width = patches.shape
    tiles = patches.reshape(batch, patch, patch, channels // patch**2, height, width)
    return tiles.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // patch**2, height * patch, width * patch)
