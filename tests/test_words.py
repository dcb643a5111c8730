"""Names say what they hold: words that were riddles are gone from modules, classes, functions, parameters and fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bench", "lmc", "baselines", "experiments", "reports")
GONE = {  # a word of a name -> what to say instead
    "alone": "exclusive", "announced": "registered", "asked": "requested", "attempt": "trial", "beside": "published",
    "contestant": "train worker", "cure": "remedy", "endings": "outcome", "facts": "metadata", "fed": "feeding",
    "floors": "trivial baselines", "foreign": "external", "freezing": "moving_mnist", "guest": "external",
    "guests": "external results", "hot": "compile targets", "items": "planned runs", "ledger": "cost table",
    "outside": "external", "patience": "timeout", "said": "message", "seen": "run status", "team": "process group",
    "told": "message", "unlatex": "latex tables", "young": "min age",
}  # fmt: skip
FITTING = {"GUEST"}  # what Linux calls the time that virtual machines had


def names(tree: ast.Module) -> Iterator[str]:
    """What a module defines for others: constants, classes, functions, their parameters, and fields of objects."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name
    for body in (tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))):
        for statement in body.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            yield from (node.id for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name))


def words(name: str) -> list[str]:
    """`ExternalResult`, `find_external` and `MIN_AGE_S` taken apart, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@pytest.mark.parametrize("package", PACKAGES)
def test_words_that_were_riddles_are_gone_from_names(package):
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for name in {path.stem, *names(ast.parse(path.read_text()))}:
            found += [
                f"{path.relative_to(ROOT)}: {name}: say {GONE[word]}"
                for word in words(name)
                if word in GONE and name not in FITTING
            ]
    assert not found, "\n".join(found)


def test_a_name_is_taken_apart_into_its_words():
    assert words("_find_ExternalResult_MIN_AGE2") == ["find", "external", "result", "min", "age"]
    assert list(names(ast.parse("class A:\n    b: int = 0\n    def c(self, d):\n        self.e = 1"))) == [
        "A",
        "c",
        "self",
        "d",
        "e",
        "b",
    ]
