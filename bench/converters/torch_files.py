"""Reads files of weights, as torch.save writes them. Reads only tensors and plain values; executes nothing."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from bench.common.errors import BenchError

LEFTOVERS = (
    "argparse.Namespace", "builtins.getattr", "__builtin__.getattr", "pathlib.PosixPath", "pathlib._local.PosixPath",
    "torch.optim.lr_scheduler.OneCycleLR", "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
    "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct",
)  # fmt: skip
"""Objects that training scripts save with the weights. They are read as `Leftover`, which does nothing."""


class Leftover:
    """Replaces an object in a file that is not needed and not created: settings, a schedule, a NumPy number."""

    def __new__(cls, *_: Any) -> Leftover:
        return object.__new__(cls)

    def __init__(self, *_: Any): ...

    def __setstate__(self, state: Any) -> None: ...


FORMATS = (
    (0, b"version https://git-lfs", "a Git LFS pointer and not the file: `git lfs pull` fetches it"),
    (0, b"<", "a web page and not a file: download it again by its direct link"),
    (8, b"{", "a safetensors file: `torch.save(safetensors.torch.load_file(FILE), OUT)` makes one that is read"),
    (257, b"ustar", "a tar archive: unpack it first"),
    (0, b"\x1f\x8b", "packed by gzip: unpack it first"),
)
"""What people take for a file of weights: (position, bytes that stand there, what it is and what to do)."""
CHUNK = 1 << 24  # bytes


def content(path: Path) -> Any:
    """The content of a file: plain values, tensors and `Leftover`s. Any other object is refused, not created.

    BenchError for a file of another format, and for a damaged one: torch does not check the checksums that it wrote.
    """
    try:
        _refuse_other_formats(path)
        _refuse_damaged(path)
    except OSError as error:
        raise BenchError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    allowed = [(Leftover, name) for name in LEFTOVERS]
    try:
        with torch.serialization.safe_globals(allowed):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BenchError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except MemoryError:
        raise
    except Exception as error:  # zip, pickle and tensor errors of all sorts, as the bytes will have it
        raise BenchError(f"{path} is no checkpoint of weights alone: {_reason(error)}") from error


def _refuse_other_formats(path: Path) -> None:
    with open(path, "rb") as file:
        head = file.read(512)
    for position, mark, description in FORMATS:
        if head[position:].startswith(mark):
            raise BenchError(f"{path} is {description}")


def _refuse_damaged(path: Path) -> None:
    """Read every member of a zip file, as torch.save writes them, against its checksum."""
    try:
        with zipfile.ZipFile(path) as members:
            names = members.namelist()
            if any(name.endswith("/constants.pkl") for name in names):
                raise BenchError(f"{path} is a TorchScript archive, which holds code: save the model's state_dict() instead")
            for member in members.infolist():
                if member.file_size > member.compress_size:
                    packed = f"'{member.filename}' in it is packed, and weights never are"
                    raise BenchError(f"{path} is no checkpoint of weights alone: {packed}")
                if member.CRC:  # 0 where torch was told to compute none
                    _read_whole(members, member)
    except zipfile.BadZipFile as error:
        if zipfile.is_zipfile(path):
            raise BenchError(f"{path} is damaged: {error}; download or copy it again") from error
    except (NotImplementedError, RuntimeError, ValueError, EOFError) as error:  # packed or encrypted otherwise
        raise BenchError(f"{path} is no checkpoint of weights alone: {error}") from error


def _read_whole(members: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read a member in pieces; BadZipFile at its end if the checksum is another."""
    with members.open(member) as file:
        while file.read(CHUNK):
            pass


def _reason(error: Exception) -> str:
    """Why torch refused to read a file, in words."""
    text = str(error)
    if (global_name := text.partition("GLOBAL ")[2]) or "blocked by default" in text or "Unsupported global" in text:
        return f"it asks to run {global_name.split()[0] if global_name else 'code'}, which is never done"
    if "Trying to call reduce" in text or "Can only" in text:
        return "it holds more than tensors, and nothing else in a file is ever made"
    return "cut off, damaged, or with more in it than tensors"
