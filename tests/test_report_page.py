"""The page is one file that works from disk: sorted, filtered, switched and read without a network."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from reports.columns import horizon_slices
from reports.differences_table import differences_table
from reports.page import Picture, choices, page
from reports.scores_table import scores_table
from reports.search_bundle import search_bundle
from reports.table import Row, Table
from tests.report_samples import results, runs
from tests.search_samples import SEARCHED

SCORES = {
    (variant, seed): [[level + 0.1 * seed - 0.2 * frame + clip for frame in range(12)] for clip in range(6)]
    for variant, level in (("full <b>", 28), ("no memory", 26), ("slots 50", 27.9))
    for seed in range(3)
}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def toy_results():
    return results(SCORES, runs(*({"variant": v, "seed": s} for v, s in SCORES)))


@pytest.fixture(scope="module")
def text():
    planned = runs(
        *({"variant": v, "seed": s, "commit": "c0ffee"} for v, s in SCORES),
        {"variant": "lost", "seed": 0, "state": "failed", "reason": "out of memory"},
    )
    scores = results(SCORES, planned).scores
    scores = scores.assign(**{"standard/mse": 100 - scores["standard/psnr"], "lmc2021/psnr": scores["standard/psnr"] + 5})
    both = results(SCORES, planned, scores=scores, protocols={"standard": 1, "lmc2021": 2})
    other = [column for column in scores if not column.startswith("standard/")]
    configurations = {"full <b>": {"model.slots": 100, "steps": 9}, "slots 50": {"model.slots": 50, "steps": 9}}
    shown = scores_table(both, frames=horizon_slices(10, 12))
    return page(
        both,
        shown,
        differences_table(both),
        choices(both, shown, [replace(both, scores=scores[other])]),
        configurations,
        [Picture("a strip", "gif", b"GIF89a")],
        {"More": Table("More", (), (Row("x", "1", ()),), ())},
    )


def page_data(text):
    """What the page holds for its script."""
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_the_page_reads_without_its_script(text):
    body = text.partition("<script")[0]
    for word in ("29.50", "out of memory", "c0ffee", "a strip", "no memory"):
        assert word in body


def test_names_are_never_read_as_markup(text):
    assert "full <b>" not in text
    assert page_data(text)["variants"][0] == "full <b>"


def test_the_page_asks_nothing_of_the_network(text):
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)|url\(|@import|fetch\(|XMLHttpRequest""", text)


def test_only_settings_that_differ_are_shown(text):
    section = text.partition("<h2>How the variants differ")[2].partition("</section>")[0]
    assert "model.slots" in section
    assert "steps" not in section


def test_the_contents_list_every_section_and_its_links_lead_there(text):
    links = re.findall(r'<a href="#([^"]+)">', text)
    assert links == re.findall(r'<section id="([^"]+)"', text) and len(links) > 5


def test_the_page_says_when_and_from_which_code_its_runs_come_and_what_makes_it_again(toy_results):
    dated = replace(
        toy_results,
        runs=toy_results.runs.assign(date="2026-11-28", commit="1a2b3c4d5e with uncommitted changes", machine="A CPU"),
    )
    text = page(
        dated,
        scores_table(dated),
        differences_table(dated),
        choices(dated, scores_table(dated)),
        command="bench report toy --out report",
    )
    assert "Runs of 2026-11-28, commit 1a2b3c4 with uncommitted changes, on A CPU." in text
    assert "Made by <code>bench report toy --out report</code>" in text


def test_a_note_that_holds_for_several_tables_stands_once(text):
    notes = re.findall(r"<li> (.+?)</li>", text)
    repeated = {note for note in notes if notes.count(note) > 1}
    assert repeated <= {"The notes under the tables above hold here too."}


def test_the_data_hold_the_cells_of_the_tables(text):
    psnr = page_data(text)["protocols"]["standard"]["metrics"]["psnr"]
    assert psnr["cells"][""][1]["text"].startswith("27.50 ± ")  # 26 + 2.5 (clips) + 0.1 (seeds) - 1.1 (frames)
    assert set(psnr["cells"]) == {"", "1-10", "11-12"}
    assert psnr["mean"][1][0] == pytest.approx(28.6)
    assert psnr["mean"][3][0] is None


def test_a_cell_tells_what_it_rests_on_to_who_points_at_it(text):
    details = page_data(text)["protocols"]["standard"]["metrics"]["psnr"]["cells"][""][1]["details"]
    assert re.fullmatch(r"p = 0\.0\d+ \(corrected\), effect d = -?[\d.]+, 3 seeds", details)
    assert f'title="{details}"' in text


def test_figures_stand_below_the_table_of_their_heading_or_alone():
    drawn = Picture("a map", "svg+xml", b"<svg/>")
    costs, alone = "What each variant costs", "Training"
    toy_results = results(SCORES)
    body = page(
        toy_results, scores_table(toy_results), differences_table(toy_results), {}, figures={costs: [drawn], alone: [drawn]}
    )
    for heading, tables in ((costs, 1), (alone, 0)):
        section = body.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
        assert section.count("<table>") == tables
        assert "data:image/svg+xml;base64," in section and "a map" in section


DRIVER = """
<script>
const told = [], say = (name, value) => told.push([name, value]);
const rows = (selector) => [...document.querySelectorAll(selector)];
const names = () => rows("#chosen tbody tr:not([hidden])").map((row) => row.cells[0].firstChild.textContent);
const choose = (id, value) => { at(id).value = value; at(id).dispatchEvent(new Event(id === "filter" ? "input" : "change")); };
const cell = (name) => rows("#chosen tbody tr").find((row) => row.cells[0].textContent === name).cells[1].textContent;
say("declared", names());
document.querySelectorAll("#chosen thead button")[1].click();
say("ascending", names());
document.querySelectorAll("#chosen thead button")[1].click();
say("descending", names());
choose("filter", "SLOTS");
say("filtered", names());
say("legend", [...at("legend").children].map((entry) => entry.textContent.trim()));
choose("filter", "");
say("standard", cell("no memory"));
choose("protocol", "lmc2021");
say("lmc2021", cell("no memory"));
say("metrics", [...at("metric").options].map((option) => option.value));
choose("protocol", "standard");
choose("metric", "mse");
say("plots", at("plots").children.length);
choose("metric", "");
choose("frames", "t1");
say("frame 1", cell("no memory"));
choose("frames", "11-12");
say("slice", cell("no memory"));
say("details", rows("#chosen tbody td[title]").length);
const svg = document.querySelector("#plots svg"), box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right - 12, clientY: box.top + 50 }));
say("hover", [svg.querySelector("text").textContent, at("legend").children[1].textContent.trim()]);
at("legend").children[0].click();
say("curves", document.querySelectorAll("#plots svg:first-child polyline").length);
document.querySelectorAll("#runs thead button")[1].click();
say("seeds", rows("#runs tbody tr").map((row) => row.cells[1].textContent).join(""));
const scheme = () => getComputedStyle(document.documentElement).colorScheme;
const before = scheme();
at("theme").click();
say("themes", [before, scheme()].sort());
say("ticks", [[0, 1], [34, 83], [0.4999, 0.5001], [-2, 1e6], [1, 10]].map(([low, high]) => ticks(low, high).length));
data.protocols = Object.fromEntries(Object.entries(data.protocols).reverse());
at("protocol").replaceChildren();
start();
say("opens under", at("protocol").value);
const wide = rows(".wide").filter((one) => one.scrollWidth > one.clientWidth && !one.querySelector("#runs"));
say("width", innerWidth);
say("cut", wide.map((one) => one.closest("section").id));
say("overflow", document.documentElement.scrollWidth - innerWidth);
say("requests", performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length);
document.body.replaceChildren(make("pre", {}, JSON.stringify(Object.fromEntries(told))));
</script>
"""


@pytest.fixture(scope="module", params=[1400, 390], ids=["wide", "phone"])
def driven(request, text, tmp_path_factory):
    """What a browser found after all the clicks, and what it wrote to its console."""
    return in_browser(text, DRIVER, request.param, tmp_path_factory.mktemp("page"))


def in_browser(text, driver, width, folder):
    """What a script at the end of a page has found, and what the browser wrote to its console."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    (folder / "page.html").write_text(text.replace("</body>", driver + "</body>"), "utf-8")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command = [CHROMIUM, *options, f"--window-size={width},900", "--dump-dom", (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    output = re.search(r"<pre>(.*)</pre>", done.stdout, re.S)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert output, (console, done.stderr[-2000:])
    return json.loads(output[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), console


@pytest.mark.slow
def test_a_browser_sorts_filters_and_switches(driven):
    answers, console = driven
    assert console == []
    assert answers["declared"] == ["full <b>", "no memory", "slots 50", "lost"]
    assert answers["ascending"] == ["no memory", "slots 50", "full <b>", "lost"]
    assert answers["descending"] == ["full <b>", "slots 50", "no memory", "lost"]
    assert answers["filtered"] == answers["legend"] == ["slots 50"]
    assert answers["standard"].startswith("27.50") and answers["lmc2021"].startswith("32.50")
    assert answers["metrics"] == ["", "psnr"]
    assert answers["plots"] == 1
    assert answers["frame 1"].startswith("28.60") and answers["slice"].startswith("26.50")
    assert answers["hover"][0] == "PSNR (dB) ↑, frame 12" and answers["hover"][1].startswith("no memory: 26.40")
    assert answers["curves"] == 2
    assert answers["details"] > 0
    assert answers["seeds"] == "0000111222"
    assert answers["themes"] == ["dark", "light"]
    assert all(3 <= count <= 9 for count in answers["ticks"])
    assert answers["opens under"] == "lmc2021"  # the protocol that comes first was asked for


@pytest.mark.slow
def test_a_browser_requests_nothing_and_the_page_fits_its_window(driven):
    assert driven[0]["requests"] == 0
    assert driven[0]["overflow"] <= 0


@pytest.mark.slow
def test_no_table_but_that_of_runs_is_cut_on_a_wide_screen(driven):
    assert driven[0]["cut"] == [] or driven[0]["width"] < 1000


def test_a_page_of_an_experiment_without_scores_names_what_is_missing():
    planned = runs({"variant": "full", "seed": 0, "state": "missing", "parameters": None})
    no_scores = results({("full", 0): [[1, 2]]}).scores.iloc[:0].drop(columns="standard/psnr")
    toy_results = results({("full", 0): [[1, 2]]}, planned, scores=no_scores)
    assert "0 of 1" in page(
        toy_results, scores_table(toy_results), differences_table(toy_results), choices(toy_results, scores_table(toy_results))
    )


SEARCH_DRIVER = """
<script>
const told = {}, rows = (selector) => [...document.querySelectorAll(selector)];
const trials = () => rows("#trials tbody tr").map((row) => unmarked(row.cells[0])).join("");
told.before = trials();
document.querySelector("#trials thead button").click();
told.sorted = trials();
const scheme = () => getComputedStyle(document.documentElement).colorScheme;
const before = scheme();
at("theme").click();
told.themes = [before, scheme()].sort();
const wide = rows(".wide").filter((one) => one.scrollWidth > one.clientWidth);
told.cut = innerWidth < 1000 ? [] : wide.map((one) => one.closest("section").id);
told.overflow = document.documentElement.scrollWidth - innerWidth;
told.requests = performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length;
document.body.replaceChildren(make("pre", {}, JSON.stringify(told)));
</script>
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 390])
def test_a_browser_sorts_the_trials_of_a_search_and_its_page_fits_the_window(width, tmp_path):
    search_bundle(SEARCHED, tmp_path, runs({"trial": "trial 0", "seed": 0}))
    answers, console = in_browser((tmp_path / "index.html").read_text("utf-8"), SEARCH_DRIVER, width, tmp_path)
    assert console == []
    assert (answers["before"], answers["sorted"]) == ("24013", "01234")
    assert answers["themes"] == ["dark", "light"]
    assert answers["cut"] == [] and answers["overflow"] <= 0 and answers["requests"] == 0
