"""Whether a video file is whole, by what its container declares and before anything is decoded.

AVI, MP4 and Matroska say how long their parts are, a GIF ends with a mark. An interrupted download or copy shows in these.
"""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from bench.common.reading import opened
from bench.data.preparing.sources import Damaged

EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675  # elements of Matroska and WebM, RFC 9559
BOXES = (b"mdat", b"moov", b"moof")  # of MP4 (ISO 14496-12) that a reader needs whole
MOST_PARTS = 2**20  # that are looked at


def refuse_cut_off(path: Path) -> None:
    """Damaged if the file ends before its container does."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] == b"GIF8":
            file.seek(max(0, size - 16))
            if not file.read().rstrip(b"\0").endswith(b";"):
                raise Damaged(f"{path} is cut off after {size} bytes; fetch the file again")
            return
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            declared = _end_of_riff(file, size)
        elif head[4:8] in (b"ftyp", b"wide", b"free", b"skip", *BOXES):
            declared = _end_of_boxes(file, size)
        elif head[:4] == EBML.to_bytes(4):
            declared = _end_of_matroska(file, size)
        else:
            return
    if size < declared:
        raise Damaged(f"{path} is cut off: {size} of its {declared} bytes are there; fetch the file again")


def _end_of_riff(file: BufferedReader, size: int) -> int:
    """Where the last of the RIFF lists of an AVI file ends: one of more than a gigabyte has several."""
    end = 0
    for _ in range(MOST_PARTS):
        file.seek(end)
        head = file.read(8)
        if head[:4] != b"RIFF" or len(head) < 8:
            break
        end += 8 + int.from_bytes(head[4:], "little")
        end += end % 2 if end < size else 0  # lists begin at even bytes
    return end


def _end_of_boxes(file: BufferedReader, size: int) -> int:
    """Where the boxes of an MP4 file end that hold frames or describe them."""
    start = end = 0
    for _ in range(MOST_PARTS):
        file.seek(start)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:])
        if len(head) < 8 or length < 8:  # a length of 0: as far as the file goes
            break
        start += length
        end = start if kind in BOXES else end
        if start >= size:
            break
    return end


def _end_of_matroska(file: BufferedReader, size: int) -> int:
    """Where the segment of a Matroska file ends; if it was written as a stream, without length, where its last element does."""
    position, end = 0, 0
    for _ in range(MOST_PARTS):
        file.seek(position)
        element = _element(file.read(16))
        if element is None:
            break
        kind, header, length = element
        position += header
        if length is None and kind in (SEGMENT, CLUSTER):
            continue  # what follows is in it
        end = position = position + (length or 0)
        if kind == SEGMENT or position >= size or length is None:
            break
    return end


def _element(head: bytes) -> tuple[int, int, int | None] | None:
    """An EBML element's identifier, the bytes of its header and of its content (None: unknown); None if there is none."""
    id_bytes = 9 - head[0].bit_length() if head else 9
    size_bytes = 9 - head[id_bytes].bit_length() if len(head) > id_bytes else 9
    header = id_bytes + size_bytes
    if id_bytes > 4 or size_bytes > 8 or len(head) < header:
        return None
    values = 2 ** (7 * size_bytes)
    length = int.from_bytes(head[id_bytes:header]) % values
    return int.from_bytes(head[:id_bytes]), header, None if length == values - 1 else length
