"""What the system says of processes."""

from pathlib import Path


def descendants(process: int) -> list[int]:
    """The processes that it has started, and those that they have started."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            children += [int(folder.name), *descendants(int(folder.name))]
    return children


def alive(process: int) -> bool:
    """Whether it is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
