"""A file that is no intact file of weights is told by what it is, before anything in it is used."""

import io
import tarfile
import warnings
import zipfile

import pytest
import torch
from torch.serialization import set_crc32_options

from bench.common.errors import BenchError
from bench.converters.torch_files import content

WEIGHTS = {"encoder.weight": torch.arange(600.0)}


def _tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.pth"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer and not the file: `git lfs pull`"),
        (b"<!DOCTYPE html><html>", "a web page and not a file: download it again by its direct link"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"encoder.weight":', "a safetensors file: `torch.save(safetensors.torch"),
        (b"\x1f\x8b\x08", "packed by gzip: unpack it first"),
        (_tar(), "a tar archive: unpack it first"),
    ],
)
def test_a_file_of_another_format_is_called_by_its_name(begins, words, tmp_path):
    (tmp_path / "model.pth").write_bytes(begins)
    with pytest.raises(BenchError, match=r"model\.pth is ") as refused:
        content(tmp_path / "model.pth")
    assert words in str(refused.value)


def test_a_torchscript_archive_is_refused_without_a_warning_of_pytorch(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"model/{name}", b"")
    with warnings.catch_warnings(), pytest.raises(BenchError, match=r"a TorchScript archive.*save the model's state_dict\(\)"):
        warnings.simplefilter("error")
        content(tmp_path / "model.pt")


def test_one_flipped_bit_of_a_weight_is_noticed(tmp_path):
    path = tmp_path / "model.pth"
    torch.save(WEIGHTS, path)
    encoded = bytearray(path.read_bytes())
    position = encoded.index(WEIGHTS["encoder.weight"].numpy().tobytes()[400:440])
    encoded[position] ^= 1
    path.write_bytes(encoded)
    with pytest.raises(BenchError, match=r"model.pth is damaged: Bad CRC-32.*download or copy it again"):
        content(path)


def test_a_file_without_checksums_and_one_of_the_older_format_are_read(tmp_path):
    path = tmp_path / "model.pth"
    try:
        set_crc32_options(False)
        torch.save(WEIGHTS, path)
    finally:
        set_crc32_options(True)
    assert torch.equal(content(path)["encoder.weight"], WEIGHTS["encoder.weight"])
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False)
    assert torch.equal(content(path)["encoder.weight"], WEIGHTS["encoder.weight"])


def test_members_that_are_packed_are_refused_before_they_are_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data/0", bytes(10**7))
    with pytest.raises(BenchError, match="'model/data/0' in it is packed, and weights never are"):
        content(tmp_path / "model.pth")
