"""A data set as commands name it: its name, options and split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands import _options
from bench.common.errors import BenchError

if TYPE_CHECKING:
    from bench.data.base import Dataset, Split
    from bench.spec.component import Component


def chosen_split(text: str) -> Split:
    """The split that --split names."""
    if text not in ("test", "val"):
        raise BenchError(f"--split is val or test, got '{text}'")
    return "val" if text == "val" else "test"


def dataset(component: Component, settings: list[str] | None = None) -> Dataset:
    """The data set of a name with `data.NAME=VALUE` settings."""
    built: Dataset = with_settings(component, settings or []).checked("datasets").build()
    return built


def with_settings(component: Component, settings: list[str]) -> Component:
    """A data set's component, changed by --set OPTION=VALUE or data.OPTION=VALUE."""
    from bench.spec.shell_values import parse_value

    _options.refuse_name_of_a_set(component.name)
    for setting in settings:
        key, equals, text = setting.removeprefix("data.").partition("=")
        if not equals:
            raise BenchError(f"--set takes OPTION=VALUE, such as digits=3; got '{setting}'")
        component = component.but(**{key: parse_value(text)})
    return component
