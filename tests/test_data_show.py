"""`bench prepare`, `bench data list` and `bench data show`, below their command lines."""

import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from bench.data.preparing.listing import listing
from bench.data.preparing.prepare import prepare
from bench.data.preparing.show import show
from bench.maintenance import doctor
from tests.data_samples import prepare_kth, write_frames, write_mnist


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def state(kind, full=False, **options):
    (entry,) = [entry for entry in listing(full) if entry.name == kind and entry.options == options]
    return entry


def test_nothing_but_the_embedded_sets_is_ready_at_first():
    assert [entry.name for entry in listing() if entry.state == "ready"] == ["digits", "actions"]
    assert "`bench prepare kth --source DIR` puts it there" in state("kth").detail
    assert "`bench prepare mnist` puts it there" in state("moving_mnist").detail


def test_the_list_shows_what_is_prepared_with_the_options_that_reach_it(tmp_path):
    prepare_kth(tmp_path / "kth", size=16)
    prepare("frames", {"source": str(write_frames(tmp_path / "f", {"train": (3, 3), "test": (3,)})), "name": "robots"})
    prepare("mnist", {"source": str(write_mnist(tmp_path / "mnist", train=0))})
    assert state("kth", size=16, centred=False).state == "ready"
    assert state("frames", name="robots").state == "ready"
    assert state("moving_mnist", only_t10k=True).state == "ready"
    assert state("moving_mnist").state == state("kth").state == state("frames").state == "missing"


def test_doctor_names_the_sets_that_are_there_and_misses_no_default_beside_them(tmp_path):
    assert {"data frames", "data videos"} <= {finding.what for finding in doctor._data()}
    prepare("frames", {"source": str(write_frames(tmp_path / "f", {"train": (3, 3), "test": (3,)})), "name": "robots"})
    states = {finding.what: finding.found for finding in doctor._data()}
    assert states["data frames name=robots"].startswith("ready") and "data frames" not in states
    assert states["data videos"] == "absent"


def test_the_name_of_a_prepared_set_in_the_place_of_a_data_set_is_told_how_it_is_spelled(
    tmp_path, bench, monkeypatch, data_root
):
    prepare("frames", {"source": str(write_frames(tmp_path / "f", {"train": (3, 3), "test": (3,)})), "name": "robots"})
    spelled = "`frames --set data.name=robots`"
    for words in (("data", "show", "robots"), ("data", "export", "robots"), ("eval", "--predictions", "f", "--data", "robots")):
        code, _, err = bench(*words)
        assert code == 2 and f"there is no data set 'robots', but a prepared set has that name: did you mean {spelled}" in err
    assert "`--set data=frames --set data.name=robots`" in bench("plan", "mine.py", "--set", "data=robots")[2]
    assert bench("data", "show", "frames", "--set", "data.name=robots", "--frames", "2")[0] == 0


def test_a_changed_set_is_listed_as_changed(tmp_path, data_root):
    prepare_kth(tmp_path / "kth", size=16)
    (data_root / "kth" / "16x16" / "train.u8").write_bytes(b"")
    entry = state("kth", size=16, centred=False)
    assert entry.state == "changed" and "has changed" in entry.detail


def test_a_full_check_lists_intact_sets_as_ready(tmp_path):
    prepare_kth(tmp_path / "kth", size=16)
    assert state("kth", full=True, size=16, centred=False).state == "ready"


def test_show_counts_sequences_per_split_action_and_person(tmp_path):
    prepare_kth(tmp_path / "kth", size=16)
    lines = show("kth", {"size": 16}, tmp_path / "out", clips=2, frames=10)
    begin = lines.index("train: 4 clips of 10 frames")
    assert lines[begin + 1 : begin + 4] == [
        "  4 sequences, 42 frames",
        "  sequences per action: boxing 2, walking 2",
        "  sequences per person: person01 4",
    ]
    assert "  sequences per person: person17 2, person22 1" in lines


def test_show_writes_a_contact_sheet_and_an_animation_of_every_split(tmp_path):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "mnist"))})
    lines = show("moving_mnist", {}, tmp_path / "out", clips=2, frames=6)
    assert "train: clips generated, as many as are asked for" in lines
    for split in ("train", "val", "test"):
        with Image.open(tmp_path / "out" / "moving_mnist" / f"{split}.png") as sheet:
            assert sheet.width > 6 * 64 and sheet.height > 2 * 64
            assert np.asarray(sheet).std() > 10
        with Image.open(tmp_path / "out" / "moving_mnist" / f"{split}.gif") as animation:
            assert animation.n_frames == 6


def test_an_unknown_name_to_prepare_is_met_with_the_nearest():
    with pytest.raises(BenchError, match="nothing to prepare for 'ktn': did you mean 'kth'"):
        prepare("ktn", {})


def test_an_option_that_a_preparer_does_not_take_is_refused():
    with pytest.raises(BenchError, match="`bench prepare mnist` takes --source; got --skip-damaged"):
        prepare("mnist", {"skip_damaged": True})


def test_hyphens_and_capitals_in_names_are_forgiven(tmp_path):
    lines = prepare("Moving-MNIST", {"source": str(write_mnist(tmp_path / "mnist"))})
    assert "train-images-idx3-ubyte" in lines[0]


def test_a_source_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    source = write_mnist(tmp_path / "mnist", gzipped=False)

    def forbidden(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(source / "train-images-idx3-ubyte"))

    monkeypatch.setattr("bench.data.preparing.mnist.write_bytes", forbidden)
    with pytest.raises(BenchError, match=r"train-images-idx3-ubyte: Permission denied, so mnist is not ready"):
        prepare("mnist", {"source": str(source)})
