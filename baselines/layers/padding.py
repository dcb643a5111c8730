"""The padding of a convolution that keeps the size of frames, shared by the recurrent models."""


def half(kernel: int) -> int:
    """Pixels to add on each side of a frame. ValueError for an even kernel, which has no middle and would change the size."""
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that frames keep their size; got {kernel}")
    return kernel // 2
