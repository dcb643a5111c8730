"""A SLURM that only writes down what it is asked, and answers what a test has put into its folder: for tests without one.

In the folder: queue (the lines that squeue answers), calls (one line a call of any tool), scripts/N (what sbatch was given),
refusal (what sbatch complains instead of taking a job).
"""

import sys
from pathlib import Path

TOOL = """#!{python} -SE
import pathlib, sys
folder, tool, words = pathlib.Path({folder!r}), pathlib.Path(sys.argv[0]).name, sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(" ".join([tool, *words]) + "\\n")
if tool == "sbatch":
    if (folder / "refusal").exists():
        sys.exit("sbatch: error: " + (folder / "refusal").read_text())
    number = len(list((folder / "scripts").iterdir())) + 1
    script = pathlib.Path(words[-1]).read_text()
    (folder / "scripts" / str(number)).write_text(script)
    array = [line for line in script.splitlines() if "--array=" in line]
    last = int(array[0].partition("=0-")[2].partition("%")[0]) if array else None
    jobs = [f"{{number}}_{{n}}" for n in range(last + 1)] if array else [str(number)]
    with open(folder / "queue", "a") as queue:
        queue.writelines(f"{{job}}|PENDING||Priority|{{words[-1]}}\\n" for job in jobs)
    (folder / "script").write_text(words[-1])
    print("Submitted batch job", number)
if tool == "squeue" and (folder / "queue").exists():
    jobs = [word.partition("=")[2] for word in words if word.startswith("--jobs=")]
    for line in (folder / "queue").read_text().splitlines():
        if not jobs or line.split("|")[0] in jobs:
            print(line.split("|")[1] if "--format=%T" in words else line)
if tool == "scancel":
    rows = [line.split("|") for line in (folder / "queue").read_text().splitlines()]
    for row in rows:
        if row[0] in words and (row[1] == "PENDING" or "--state=PENDING" not in words):
            row[1] = "CANCELLED"
    (folder / "fresh").write_text("".join("|".join(row) + "\\n" for row in rows))
    (folder / "fresh").replace(folder / "queue")  # at once: squeue may be asked meanwhile
"""


class Slurm:
    """The pretended cluster behind the tools in `folder/bin`."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        (folder / "bin").mkdir()
        for tool in ("sbatch", "srun", "squeue", "scancel", "scontrol"):
            (folder / "bin" / tool).write_text(TOOL.format(python=sys.executable, folder=str(folder)))
            (folder / "bin" / tool).chmod(0o755)

    def calls(self, tool: str) -> list[str]:
        """The calls of a tool, without its name."""
        path = self.folder / "calls"
        calls = path.read_text().splitlines() if path.exists() else []
        return [call.removeprefix(tool).strip() for call in calls if call.split()[0] == tool]

    def scripts(self) -> list[str]:
        """What was submitted, in this order."""
        return [path.read_text() for path in sorted((self.folder / "scripts").iterdir(), key=lambda path: int(path.name))]

    def say(self, **states: str) -> None:
        """What squeue says from now on: say(_1_0="RUNNING") of job 1_0. All execute the script that was submitted last."""
        script = (self.folder / "script").read_text() if (self.folder / "script").exists() else ""
        lines = [f"{job.lstrip('_')}|{state}|n1|None|{script}\n" for job, state in states.items()]
        (self.folder / "said").write_text("".join(lines))
        (self.folder / "said").replace(self.folder / "queue")

    def refuse(self, words: str) -> None:
        """sbatch takes nothing more."""
        (self.folder / "refusal").write_text(words)
