"""Writes the pages of the reference: one for each command, from its help, and one for each module that is public."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

PUBLIC = {  # what experiments, plug-ins and notebooks import
    "Results": ("bench", "bench.reporting.dataframes"),
    "Experiments": (
        *("bench.spec.experiment", "bench.spec.runspec", "bench.spec.component", "reports.claim", "experiments.recipes"),
    ),
    "What to promise": (
        *("bench.training.model", "bench.training.learner", "bench.training.schedule", "bench.data.base"),
        *("bench.sweep.executor", "bench.metrics.metric", "bench.metrics.views"),
    ),
    "LMC-Memory": ("lmc.model", "lmc.memory", "lmc.learner"),
}


def write_commands(folder: Path) -> None:
    """A page for each command, and one that lists them; what they say is Typer's rendering of their help."""
    command = [sys.executable, "-m", "typer", "bench.cli", "utils", "docs", "--name", "bench"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = re.sub(r"\{([A-Z|]+)\}", r"\1", text)  # {EXPERIMENT} in the usage, which is required
    first, *others = re.split(r"^## `bench (\S+)`$", text, flags=re.MULTILINE)
    pages = dict(zip(others[::2], others[1::2], strict=True))
    options = first.partition("**Options**")[2].partition("**Commands**")[0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in pages.items():
        (folder / f"{name}.md").write_text(f"# bench {name}\n\n{re.sub('^### ', '## ', _safe(content).strip(), flags=re.M)}\n")
    rows = "\n".join(f"| [{name}]({name}.md) | {_first_line(content)} |" for name, content in pages.items())
    tree = "\n".join(pages)
    (folder / "index.md").write_text(
        f"# Commands\n\nMade of the commands' own `--help`.\n\n| command | what it does |\n| --- | --- |\n{rows}\n\n"
        f"With every command{options}\nExit codes: 0 all well, 1 some runs failed or something differs, "
        f"2 usage or configuration, 130 interrupted but resumable.\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )


def write_python(folder: Path) -> None:
    """A page for each public module, made of its docstrings."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    modules = [module for group in PUBLIC.values() for module in group]
    for module in modules:
        (folder / f"{module}.rst").write_text(f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n")
    lists = "\n\n".join(f"## {title}\n\n" + "\n".join(f"- [{m}]({m}.rst)" for m in group) for title, group in PUBLIC.items())
    tree = "\n".join(modules)
    (folder / "index.md").write_text(
        "# Python\n\nWhat experiments, plug-ins and notebooks import; made of the docstrings. `from bench.spec import ...` has "
        f"all names that an experiment needs.\n\n{lists}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )


def write_files(page: Path) -> None:
    """A tree of all files of the product, each with the first line of its docstring."""
    root = Path(__file__).parent.parent.parent
    lines = []
    for package in ("bench", "lmc", "baselines", "experiments", "reports"):
        for path in sorted((root / package).rglob("*.py")):
            if path.name != "__init__.py":
                line = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
                lines.append(f"{path.relative_to(root)!s:<42} {line}")
    page.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines)
    page.write_text(f"# Files\n\nEvery file, and what it is for; made of the docstrings.\n\n```text\n{text}\n```\n", "utf-8")


def _first_line(content: str) -> str:
    return next(line for line in content.splitlines() if line.strip())


def _safe(content: str) -> str:
    """Placeholders in capitals and <types> as they stand: Markdown would take them for HTML."""
    return re.sub(r"(?<![`\w])<([a-z][^>\n]*)>(?![^`\n]*`)", r"&lt;\1&gt;", content)
