"""The site: it builds without a warning, every command and public module has its page, and no link leads nowhere."""

import importlib.util
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

from bench.cli import app
from tests.documents import DOCS, ROOT, pages

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
PAGES = [*pages(), DOCS / "results.md", ROOT / "CONVENTIONS.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_or_has_the_form_of_an_address(page):
    for target in ("".join(groups) for groups in LINK.findall(CODE.sub("", page.read_text()))):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme == "https" and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), f"{page}: {target}"
        elif parts.path:
            assert (page.parent / unquote(parts.path)).exists(), f"{page} links to {target}, which is not there"


def test_no_page_of_the_reference_is_committed():
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    tracked = subprocess.run(
        ["git", "ls-files", "docs/reference", "site"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_has_every_command(tmp_path):
    if not all(importlib.util.find_spec(name) for name in ("sphinx", "furo", "myst_parser", "sphinx_copybutton")):
        pytest.skip("`pip install -c constraints.txt -e '.[docs]'` brings what builds the site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees", DOCS]
    done = subprocess.run([*map(str, command), str(tmp_path / "site")], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and not done.stderr, done.stderr
    for name in get_command(app).commands:
        page = (tmp_path / "site" / "reference" / "commands" / f"{name}.html").read_text()
        assert f"bench {name}" in page and "--help" in page
    scores = (tmp_path / "site" / "reference" / "python" / "bench.reporting.dataframes.html").read_text()
    assert "one row per variant, seed, clip and frame" in scores
    for page in DOCS.rglob("*.md"):
        assert (tmp_path / "site" / page.relative_to(DOCS).with_suffix(".html")).exists(), page
