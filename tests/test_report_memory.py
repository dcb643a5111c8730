"""The memory analysis: entropies and similarities worked by hand, figures that hide nothing, and the same bytes each time."""

from dataclasses import replace

import numpy as np
import pytest

from reports import memory_figures
from reports.bundle import bundle
from reports.memory import Addressing, Memories, Shown, alike, entropy, tops, usage
from reports.memory_kinds import information, information_by_chance, nearest, own_kind
from reports.memory_table import memory_table
from reports.render import FORMATS, render
from reports.style import line_styles, printed, save
from tests.report_samples import results, runs

SCORES = {(v, s): [[30, 20]] * 4 for v in ("plain", "full", "unaligned") for s in (0, 1)}


def weights(seed=0, clips=6, slots=5, side=2):
    drawn = np.random.default_rng(seed).random((clips, slots, side, side), np.float32)
    return drawn / drawn.sum(1, keepdims=True)


def addressing(variant, seed=0, storing=True):
    recalled = np.random.default_rng(seed).random((6, 7))
    return Addressing(variant, seed, weights(seed), weights(seed + 5), recalled, weights(seed + 9) if storing else None)


@pytest.fixture
def shown():
    ways = ["left", "right", "up", "left", "nowhere", "down"]
    return Shown(ways, "direction of motion", list(range(6)), 3, np.zeros((2, 5, 1, 16, 16), np.uint8), [0, 1])


@pytest.fixture
def memories(shown):
    runs_addressing = [addressing("full", 0), addressing("full", 1), addressing("unaligned", 0, storing=False)]
    return Memories(["full", "unaligned"], runs_addressing, {("unaligned", 1): "its checkpoints are gone."}, shown)


@pytest.fixture
def toy_results():
    return results(SCORES, runs(*({"variant": v, "seed": s} for v, s in SCORES)))


def test_entropy_by_hand():
    assert entropy(np.array([0.5, 0.25, 0.25, 0]), 0) == pytest.approx(1.5)
    assert entropy(np.full(8, 1 / 8), 0) == pytest.approx(3)


def test_usage_is_the_mean_weight_and_tops_count_who_wins():
    path = np.array([[[[0.7, 0.6]], [[0.3, 0.4]]], [[[0.2, 0.9]], [[0.8, 0.1]]]])  # 2 clips, 2 slots, 1 x 2 positions
    assert usage(path) == pytest.approx([0.6, 0.4])
    assert tops(path) == pytest.approx([0.75, 0.25])


def test_a_path_is_alike_itself_and_its_chance_level_is_that_of_other_clips():
    path = np.array([[1, 0, 0], [0, 1, 0], [0, 0.6, 0.8]], np.float32)[..., None, None]
    same, chance = alike(path, path)
    assert same == pytest.approx([1, 1, 1])
    assert chance == pytest.approx([0, 0.3, 0.3])  # the mean of 0 and 0, of 0 and 0.6


def test_centred_likeness_is_the_correlation_over_slots():
    first, second = weights(1, clips=2, side=1), weights(2, clips=2, side=1)
    same, chance = alike(first, second, centred=True)
    vectors = first.reshape(2, 5), second.reshape(2, 5)
    assert same == pytest.approx([np.corrcoef(vectors[0][n], vectors[1][n])[0, 1] for n in range(2)], abs=1e-6)
    assert chance == pytest.approx([np.corrcoef(vectors[0][n], vectors[1][1 - n])[0, 1] for n in range(2)], abs=1e-6)


def one_slot_each(*slots, of=4):
    """Addresses of one position, each of one slot alone: [clips, slots, 1, 1]."""
    return np.eye(of, dtype=np.float32)[list(slots)][..., None, None]


def test_slots_that_each_answer_one_kind_tell_all_of_it_and_shared_ones_nothing():
    kinds = ["run", "walk", "run", "walk"]
    assert information(one_slot_each(0, 1, 0, 1), kinds) == pytest.approx(1)  # one bit of two kinds
    assert information(one_slot_each(0, 0, 1, 1), kinds) == pytest.approx(0)
    assert information(one_slot_each(0, 1, 0, 2), kinds) == pytest.approx(1)  # two slots for one kind tell as much
    assert 0 < information_by_chance(one_slot_each(0, 1, 2, 3), kinds) <= 1  # few clips seem to tell something


def test_an_address_is_compared_with_its_kind_without_itself():
    kinds = ["run", "run", "run", "walk", "walk"]
    addresses = one_slot_each(0, 0, 1, 1, 1)
    names, shares = nearest(addresses, addresses, kinds)
    assert names == ["run", "walk"]
    assert shares == pytest.approx(np.array([[2 / 3, 1 / 3], [0, 1]]))  # the third runner addresses as walkers do
    assert own_kind(addresses, addresses, kinds) == pytest.approx((2 / 3 + 1) / 2)


def test_kinds_have_columns_and_a_figure_where_clips_are_of_several(toy_results, memories, shown):
    labels = ["walking", "running", "walking", "running", "walking", "running"]
    labelled = replace(memories, shown=replace(shown, labels=labels, labelled="label"))
    table = memory_table(toy_results, labelled)
    cell = dict(zip((column.key for column in table.columns), table.rows[0].cells, strict=True))
    assert cell["kind_bits"].value == pytest.approx(np.mean([information(weights(seed), labels) for seed in (0, 1)]))
    assert cell["own_kind"].value == pytest.approx(np.mean([own_kind(weights(s), weights(s + 9), labels) for s in (0, 1)]))
    assert cell["own_kind_chance"].value == 0.5
    assert any(note.text.startswith("Own kind: ") for note in table.footnotes)
    slots, shares = memory_figures.kinds(labelled).axes[:2]
    assert slots.images[0].get_array().shape == (2, 5) and shares.images[0].get_array().shape == (2, 2)
    assert [text.get_text() for text in slots.get_yticklabels()] == ["running", "walking"]
    alone = memory_table(toy_results, memories).columns  # of clips that are the only ones of their kind
    assert "kind_bits" not in [column.key for column in alone]


def test_the_table_has_means_over_seeds_and_says_what_is_missing_and_why(toy_results, memories):
    table = memory_table(toy_results, memories)
    full, unaligned = table.rows
    cell = dict(zip((column.key for column in table.columns), full.cells, strict=True))
    by_seed = [entropy(usage(weights(seed)), 0) for seed in (0, 1)]
    assert cell["matching_usage"].value == pytest.approx(np.mean(by_seed))
    assert cell["matching_usage"].text.startswith(f"{np.mean(by_seed):.3f} ± ")
    assert cell["slots"].text == "5"
    assert any("(2.322 for 5)" in note.text for note in table.footnotes)
    assert (full.seeds, unaligned.seeds) == ("2", "1 of 2")
    missing = [column.key for column, cell in zip(table.columns, unaligned.cells, strict=True) if cell.value is None]
    assert missing == [key for key in cell if key.startswith(("storing", "cosine", "correlation"))]
    notes = {note.mark: note.text for note in table.footnotes}
    assert [notes[mark] for mark in unaligned.marks] == [
        "Seed 1: its checkpoints are gone.",
        "It has no motion-context encoder: only the motion-matching encoder can be asked.",
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_the_table_renders_in_every_format(toy_results, memories, format):
    assert "unaligned" in render(memory_table(toy_results, memories), format)


def test_nothing_to_look_into_still_makes_a_table(toy_results):
    table = memory_table(toy_results, Memories(["full"], [], {("full", 0): "failed: out of memory"}, None))
    assert table.rows[0].seeds == "0 of 1"
    assert any("out of memory" in note.text for note in table.footnotes)


def test_variants_keep_their_colours_and_one_without_storing_says_so(toy_results, memories):
    figure = memory_figures.alignment(toy_results, memories)
    aligned, one_encoder = figure.axes
    colours = {line.get_color() for line in one_encoder.get_lines()}
    assert colours == {line_styles(toy_results.variants)[variant].colour for variant in ("full", "unaligned")}
    assert [text.get_text() for text in aligned.texts] == ["no storing path"]
    assert len(aligned.get_lines()) == 4  # bar and mean of the same clip and of chance
    assert aligned.get_lines()[1].get_xdata()[0] == pytest.approx(alike(weights(9), weights(0), centred=True)[0].mean())


def test_a_map_shows_every_position_and_slot_of_each_shown_clip_in_matchings_order(toy_results, memories):
    maps = [
        image
        for axis in memory_figures.addresses(memories, "full").axes
        for image in axis.images
        if image.get_array().shape == (4, 5)
    ]
    assert len(maps) == 2 * 2  # clips by paths
    order = np.argsort(-usage(weights(0)), kind="stable")
    assert maps[0].get_array().data == pytest.approx(weights(0)[0].reshape(5, 4).T[:, order] * 5)
    assert maps[1].get_array().data == pytest.approx(weights(9)[0].reshape(5, 4).T[:, order] * 5)


def test_bars_of_usage_are_shares_of_clips_and_positions(toy_results, memories):
    winners = memory_figures.slot_usage(toy_results, memories).axes[2]
    assert [bar.get_height() for bar in winners.patches] == pytest.approx(sorted(tops(weights(0)) * 100, reverse=True))


def test_principal_axes_by_hand():
    points = np.array([[2.0, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0]])
    coordinates, shares = memory_figures.principal(points)
    assert coordinates == pytest.approx(points[:, :2])
    assert shares == pytest.approx([0.8, 0.2])
    assert memory_figures.principal(np.ones((3, 1)))[0] == pytest.approx(np.zeros((3, 2)))  # nothing varies


def test_each_context_is_drawn_once_and_an_arrow_looks_its_way(memories):
    axis = memory_figures.projection(memories).axes[0]
    drawn = {line.get_marker(): len(line.get_xdata()) for line in axis.get_lines()}
    assert drawn == {">": 1, "v": 1, "<": 2, "^": 1, "o": 1}


@pytest.mark.slow
def test_figures_are_the_same_bytes_each_time(toy_results, memories):
    for draw in (memory_figures.slot_usage, memory_figures.alignment):
        assert printed(draw(toy_results, memories), "svg") == printed(draw(toy_results, memories), "svg")
    for draw in (memory_figures.projection, lambda memories: memory_figures.addresses(memories, "full")):
        assert printed(draw(memories), "pdf") == printed(draw(memories), "pdf")


@pytest.mark.slow
def test_the_bundle_holds_the_memory_in_tables_figures_and_the_page(toy_results, memories, tmp_path):
    names = {path.name for path in bundle(toy_results, tmp_path, memories=memories)}
    assert {"memory.tex", "memory.md", "memory.csv", "memory.json", "memory_usage.pdf", "memory_alignment.svg"} <= names
    assert {"memory_contexts.png", "memory_addresses_0.pdf", "memory_addresses_1.pdf"} <= names
    text = (tmp_path / "index.html").read_text("utf-8")
    section = text.partition("<h2>What the memories do</h2>")[2].partition("</section>")[0]
    assert section.count("<figcaption>") == 5
    assert "its checkpoints are gone" in section


def test_one_clip_of_one_slot_breaks_nothing(toy_results, tmp_path):
    single = np.ones((1, 1, 1, 1), np.float32)
    run = Addressing("full", 0, single, single, np.ones((1, 4)), single)
    shown = Shown(["walking"], "label", [0], 3, np.zeros((1, 3, 1, 16, 16), np.uint8), [0])
    memories = Memories(["full"], [run], {}, shown)
    assert memory_table(toy_results, memories).rows[0].cells[1].value == 0
    for figure in (
        memory_figures.slot_usage(toy_results, memories),
        memory_figures.alignment(toy_results, memories),
        memory_figures.projection(memories),
        memory_figures.addresses(memories, "full"),
    ):
        assert save(figure, tmp_path, "figure", ["svg"])
