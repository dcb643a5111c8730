"""Names say what they hold: words that were riddles are gone from modules, classes, functions, parameters and fields."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bench", "lmc", "baselines", "experiments", "reports", "tests")
GONE = {  # a word of a name -> what to say instead
    "alone": "exclusive", "announced": "registered", "asked": "requested", "attempt": "trial", "beside": "published",
    "contestant": "train worker", "cure": "remedy", "endings": "outcome", "facts": "metadata", "fed": "feeding",
    "floors": "trivial baselines", "foreign": "external", "freezing": "moving_mnist", "guest": "external",
    "guests": "external results", "hot": "compile targets", "items": "planned runs", "ledger": "cost table",
    "outside": "external", "patience": "timeout", "said": "message", "seen": "run status", "team": "process group",
    "told": "message", "unlatex": "latex tables", "young": "min age",
}  # fmt: skip
FITTING = {"GUEST"}  # what Linux calls the time that virtual machines had
CUSTOMS = {"numpy": "np", "pandas": "pd", "torch.nn.functional": "F"}  # import ... as, in the whole field

GRAMMAR = {
    "again", "asked", "beside", "each", "elsewhere", "ended", "found", "given", "held", "here", "kept", "known", "made", "mine",
    "nothing", "one", "own", "place", "places", "rest", "said", "seen", "sought", "strange", "taken", "there", "told", "usual",
    "wanted", "what", "which", "who", "whose", "written",
}  # fmt: skip
"""Names that say what happened to a value, or only point at it. Say what it holds: missing_paths, shapes, row, position."""


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


def local_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, name) of what functions bind: parameters, variables, loops, comprehensions, `as`, patterns and private helpers."""
    fields = {id(node) for body in ast.walk(tree) if isinstance(body, ast.ClassDef) for node in map(_target, body.body)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in fields:
                yield node.lineno, name
            case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) if name.startswith("_"):
                yield node.lineno, name.strip("_")


def _target(statement: ast.stmt) -> ast.expr | None:
    """The field that a statement in the body of a class declares."""
    return statement.target if isinstance(statement, ast.AnnAssign) else None


def words(name: str) -> list[str]:
    """`ExternalResult`, `find_external` and `MIN_AGE_S` taken apart, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


@pytest.mark.parametrize("package", PACKAGES)
def test_words_that_were_riddles_are_gone_from_names(package):
    riddles = []
    for path in sorted((ROOT / package).rglob("*.py")):
        defined = {name for name in names(ast.parse(path.read_text())) if not name.startswith("test_")}  # tests are sentences
        for name in {path.stem, *defined}:
            riddles += [
                f"{path.relative_to(ROOT)}: {name}: say {GONE[word]}"
                for word in words(name)
                if word in GONE and name not in FITTING
            ]
    assert not riddles, "\n".join(riddles)


@pytest.mark.parametrize("package", PACKAGES)
def test_locals_and_parameters_say_what_they_hold(package):
    riddles = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in local_names(ast.parse(path.read_text()))
        if name in GRAMMAR
    ]
    assert not riddles, "\n".join(riddles)


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_imported_under_another_name_but_by_custom(package):
    aliases = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {alias.name} as {alias.asname}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname and CUSTOMS.get(alias.name) != alias.asname
    ]
    assert not aliases, "\n".join(aliases)


def test_every_way_to_bind_a_local_is_seen():
    source = """
def f(known, *given, made=1, **told):
    beside: int = 0
    (said, [kept]), wanted = x
    for asked in (found := x):
        with y as held, z as (here, there):
            pass
    try:
        a.own = b["each"] = [one for one in x] + list(lambda each: each)
    except E as again:
        match x:
            case {"a": place, **rest} | [*taken] as seen:
                pass
    def _found(): ...
"""
    bound = {name for _, name in local_names(ast.parse(source))}
    assert bound == {
        "again", "asked", "beside", "each", "found", "given", "held", "here", "kept", "known", "made", "one", "place", "rest",
        "said", "seen", "taken", "there", "told", "wanted",
    }  # fmt: skip


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
