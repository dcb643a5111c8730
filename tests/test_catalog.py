"""The catalogue: every name stands for something, and its options are those of its constructor."""

import inspect
import json

import pytest

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.spec.component import Component
from bench.store import user_code
from tests.conftest import TINY

EVERYTHING = [(kind, name) for kind, entries in catalog.CATALOG.items() for name in entries]


@pytest.mark.parametrize(("kind", "name"), EVERYTHING, ids=lambda value: value)
def test_options_read_from_the_source_are_those_of_the_constructor(kind, name):
    loaded = catalog.load(kind, name)
    real = inspect.signature(loaded.__init__).parameters if loaded.__init__ is not object.__init__ else {}
    plain = [p for p in real.values() if p.name != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    read = catalog.signature(kind, name)
    assert [option.name for option in read] == [parameter.name for parameter in plain]
    assert [option.default for option in read if not option.required] == [p.default for p in plain if p.default is not p.empty]


@pytest.mark.parametrize(("kind", "name"), EVERYTHING, ids=lambda value: value)
def test_every_name_says_what_it_is_for(kind, name):
    assert catalog.purpose(kind, name)


def test_a_model_outside_the_suite_is_named_in_full(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n\nclass Echo(nn.Module):\n    def __init__(self, shape: tuple, gain: float = 1.0):\n"
        "        super().__init__()\n        self.gain = gain\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.build("models", "my_models:Echo", {"gain": 2}, shape=(1, 8, 8)).gain == 2.0
    with pytest.raises(BenchError, match="did you mean 'gain'"):
        catalog.check("models", "my_models:Echo", {"gian": 2})


def test_what_only_running_the_code_could_tell_is_no_obstacle(tmp_path, monkeypatch):
    package = tmp_path / "packaged"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import Model as Theirs\n")
    (package / "inner.py").write_text(
        "import math\nfrom torch import nn\nLEAST: int = 2\n\nclass Model(nn.Module):\n    'Predicts.'\n\n"
        "    def __init__(self, most: float = math.inf, least: int = LEAST):\n        super().__init__()\n"
        "        self.most, self.least = most, least\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.defaults("models", "packaged:Theirs") == {"most": "math.inf", "least": 2}
    assert catalog.purpose("models", "packaged:Theirs") == "Predicts."
    assert catalog.build("models", "packaged:Theirs", {"least": 3}).most == float("inf")


def test_a_class_may_extend_an_imported_one_of_the_same_name(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("from . import nothing\nfrom lmc.model import LMC\n\nclass LMC(LMC):\n    'Mine.'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.defaults("models", "mine:LMC") == catalog.defaults("models", "lmc")
    assert catalog.purpose("models", "mine:LMC") == "Mine."


def test_the_file_that_a_class_is_defined_in_is_watched_too(tmp_path, monkeypatch):
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "__init__.py").write_text("from .inner import Model\n")
    (tmp_path / "outer" / "inner.py").write_text("class Model:\n    def __init__(self, shape: tuple):\n        pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    watched = user_code.files(TINY.but(model=Component("outer:Model")))
    assert watched == [tmp_path / "outer" / "__init__.py", tmp_path / "outer" / "inner.py"]


def test_a_broken_package_hides_no_other_model(bench, monkeypatch):
    monkeypatch.setattr(catalog, "_installed", lambda kind: {"broken": "lmc.model:Nope"} if kind == "models" else {})
    rows = {row["name"]: row for row in json.loads(bench("list", "models", "--json")[1])}
    assert "there is no class 'Nope'" in rows["broken"]["what"] and rows["convlstm"]["parameters"] == 11_675_648


def test_a_module_that_does_not_parse_is_said_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "wrong.py").write_text("class Model:\n    def (self)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match=r"model 'wrong:Model': .*line 2"):
        catalog.check("models", "wrong:Model", {})


def test_an_installed_package_adds_a_model_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "throw_away.py").write_text(
        'from torch import nn\n\nclass Blur(nn.Module):\n    """Blurs."""\n\n    def __init__(self, radius: int = 3):\n'
        "        super().__init__()\n        self.radius = radius\n"
    )
    info = tmp_path / "throw_away-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: throw-away\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lmc_bench.models]\nblur = throw_away:Blur\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalog._installed.cache_clear()
    try:
        assert "blur" in catalog.names("models")
        assert catalog.build("models", "blur", {}).radius == 3
        spec = TINY.but(model=Component("blur"))  # its code, too, is watched while runs wait
        assert user_code.files(spec) == [tmp_path / "throw_away.py"] and user_code.files(TINY) == []
    finally:
        catalog._installed.cache_clear()
        catalog.signature.cache_clear()


def test_a_constructor_that_refuses_a_size_is_quoted():
    with pytest.raises(BenchError, match=r"model .lmc.: .*16"):
        catalog.build("models", "lmc", {}, shape=(1, 20, 20))
