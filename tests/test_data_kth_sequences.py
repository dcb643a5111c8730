"""KTH's 00sequences.txt as shipped, with all its irregularities."""

from pathlib import Path

import pytest

from bench.common.errors import BenchError
from bench.data.kth_cuts import CUTS, SUITE, sequences
from bench.data.preparing.kth_sequences import ACTIONS, read_sequences

SHIPPED = Path(__file__).parent / "data" / "00sequences.txt"


def cuts(ranges) -> list[range]:
    """The sequences that this suite takes of a line's frame ranges."""
    return sequences(CUTS[SUITE], ranges, "boxing")


@pytest.fixture(scope="module")
def entries():
    return read_sequences(SHIPPED)


def test_the_shipped_file_parses_completely(entries):
    names = {f"person{p:02d}_{action}_d{d}" for p in range(1, 26) for action in ACTIONS for d in range(1, 5)}
    assert entries.keys() == names  # 25 persons, 6 actions, 4 scenarios
    assert sum(map(len, entries.values())) == 2391  # the number of sequences that KTH's page gives


def test_every_line_of_the_shipped_file_is_an_entry_or_blank():
    lines = [line for line in SHIPPED.read_text().splitlines() if line.strip()]
    assert len(lines) == len(read_sequences(SHIPPED))


def test_an_ordinary_line(entries):
    assert entries["person01_boxing_d1"] == ((1, 95), (96, 185), (186, 245), (246, 360))


def test_spaces_before_the_tabs(entries):
    assert "person07_handclapping_d2    \tframes" in SHIPPED.read_text()
    assert entries["person07_handclapping_d2"] == ((1, 102), (103, 248), (249, 368), (369, 518))


def test_the_missing_video_has_no_sequences(entries):
    assert entries["person13_handclapping_d3"] == ()
    assert [name for name, ranges in entries.items() if not ranges] == ["person13_handclapping_d3"]


def test_five_videos_have_three_sequences(entries):
    assert sorted(name for name, ranges in entries.items() if len(ranges) == 3) == [
        "person11_boxing_d4", "person13_handwaving_d3", "person14_handwaving_d3", "person15_boxing_d4", "person22_boxing_d1",
    ]  # fmt: skip


def test_a_last_line_without_a_line_break(entries):
    assert not SHIPPED.read_bytes().endswith(b"\n")
    assert entries["person25_walking_d4"] == ((1, 100), (178, 295), (296, 398), (488, 592))


def test_ranges_count_from_1_and_include_both_ends():
    assert cuts([(1, 95), (96, 185)]) == [range(0, 95), range(95, 185)]


def test_a_shared_border_frame_stays_with_the_earlier_sequence(entries):
    assert entries["person03_walking_d4"][2:] == ((232, 338), (338, 432))
    assert cuts(entries["person03_walking_d4"])[2:] == [range(231, 338), range(338, 432)]


def test_an_overlap_of_many_frames_stays_with_the_earlier_sequence(entries):
    assert entries["person16_handwaving_d4"][2:] == ((207, 311), (212, 456))
    assert cuts(entries["person16_handwaving_d4"])[2:] == [range(206, 311), range(311, 456)]


def test_sequences_out_of_order_are_cut_in_the_order_of_time(entries):
    assert entries["person07_jogging_d4"] == ((1, 64), (270, 332), (194, 264), (490, 570))
    assert cuts(entries["person07_jogging_d4"]) == [range(0, 64), range(193, 264), range(269, 332), range(489, 570)]


def test_no_frame_of_the_shipped_file_is_in_two_cuts(entries):
    for ranges in entries.values():
        stops = [0, *(cut.stop for cut in cuts(ranges))]
        assert all(stop <= cut.start < cut.stop for stop, cut in zip(stops, cuts(ranges), strict=False))
        assert len(cuts(ranges)) == len(ranges)


def test_a_range_within_an_earlier_one_vanishes():
    assert cuts([(1, 50), (10, 40)]) == [range(0, 50)]


def test_header_lines_are_passed_over(tmp_path):
    path = tmp_path / "00sequences.txt"
    path.write_text("Sequences of the database\n\nvideo\t\tframes\nperson01_boxing_d1\t\tframes\t1-95\r\n")
    assert read_sequences(path) == {"person01_boxing_d1": ((1, 95),)}


@pytest.mark.parametrize(
    "line",
    [
        "person02_boxing_d1\t\tframes",
        "person02_boxing_d1\t\tframes\t1-",
        "person02_boxing_d1\t\tframes\t20-10",
        "person02_boxing_d1\t\tframes\t0-10",
        "person02_swimming_d1\t\tframes\t1-10",
        "person01_boxing_d1\t\tframes\t1-95",
        "and so on",
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path, line):
    path = tmp_path / "00sequences.txt"
    path.write_text(f"person01_boxing_d1\t\tframes\t1-95\n{line}\n")
    with pytest.raises(BenchError, match=r"line 2: .*fetch the file again from https"):
        read_sequences(path)


def test_a_file_without_entries_is_refused(tmp_path):
    path = tmp_path / "00sequences.txt"
    path.write_text("<html>not found</html>\n")
    with pytest.raises(BenchError, match="lists no video"):
        read_sequences(path)
