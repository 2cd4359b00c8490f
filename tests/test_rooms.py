"""The rooms of the package as a whole: no circle of files, no row for a room that is not there, and
a budget of code for each. A line of code is a statement, however the formatter lays it out; blank
lines, comments and docstrings are none.
"""

import ast
import io
import tokenize
import unittest
from collections import Counter

from tests.test_architecture import LAYERS, ROOT, Source, imported, sources

# What each room may have; the leaves are one room. Past it, something is written twice.
BUDGETS = {
    "leaves": 635,
    "bus": 501,
    "store": 1099,
    "delivery": 332,
    "adapters": 2604,
    "pty": 1147,
    "terminal": 301,
    "hub": 1045,
    "ops": 1854,
    "hooks": 645,
    "wrap": 307,
    "cli": 1527,
    "api": 148,
    "demo": 760,
    "relay": 1583,
    "scripts": 403,
    "tui": 1523,
    "zipped": 42,
}
TOTAL = 16456
LEAVES = ("__init__", "__main__", "errors", "home", "log", "process", "config")


def statements(source: Source) -> int:
    """How many lines of code the file has."""
    found = sum(
        token.type == tokenize.NEWLINE
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
    )
    return found - sum(
        ast.get_docstring(node, clean=False) is not None
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )


def by_room(found: "list[Source]") -> "Counter[str]":
    """The lines of code of each room."""
    rooms: Counter[str] = Counter()
    for source in found:
        rooms["leaves" if source.layer in LEAVES else source.layer] += statements(source)
    return rooms


def neighbours(found: "list[Source]") -> "dict[str, set[str]]":
    """Which modules of the package each module imports, wherever it does so."""
    known = {source.module for source in found}
    graph = {}
    for source in found:
        # `from ..store import events` is of the file events, else of what store/__init__ holds
        names = {name if name in known else name.rpartition(".")[0] for _, name in imported(source)}
        graph[source.module] = (names & known) - {source.module}
    return graph


def circle(graph: "dict[str, set[str]]") -> "list[str]":
    """The modules of a circle, in its order; [] when there is none."""
    done: set[str] = set()
    for start in graph:
        path, todo = [], [(start, False)]
        while todo:
            module, left = todo.pop()
            if left:
                done.add(path.pop())
            elif module in path:
                return path[path.index(module) :]
            elif module not in done:
                path.append(module)
                todo.append((module, True))
                todo += [(other, False) for other in sorted(graph.get(module, ()))]
    return []


class Rooms(unittest.TestCase):
    def test_no_circle_of_files(self):
        self.assertEqual(circle(neighbours(sources(ROOT))), [])

    def test_a_circle_is_found(self):
        self.assertEqual(circle({"a": {"b", "d"}, "b": {"c"}, "c": {"b"}, "d": set()}), ["b", "c"])
        self.assertEqual(circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}), [])
        lazy = Source("hcom/bus/x.py", text := "def f():\n    from . import y\n", ast.parse(text))
        back = Source("hcom/bus/y.py", text := "from .x import f\n", ast.parse(text))
        self.assertEqual(circle(neighbours([lazy, back])), ["hcom.bus.x", "hcom.bus.y"])

    def test_every_row_is_of_a_room(self):
        there = {source.layer for source in sources(ROOT)}
        self.assertEqual(set(LAYERS), there)
        self.assertEqual(set(BUDGETS), there - set(LEAVES) | {"leaves"})

    def test_budgets(self):
        rooms = by_room(sources(ROOT))
        for room, lines in rooms.items():
            with self.subTest(room):
                self.assertLessEqual(lines, BUDGETS[room])
        self.assertLessEqual(sum(rooms.values()), TOTAL, dict(rooms))

    def test_what_counts(self):
        text = '"""Doc."""\n\n# no\nx = [\n    1,\n]\n\n\ndef f():\n    """Doc."""\n    return x\n'
        self.assertEqual(statements(Source("hcom/x.py", text, ast.parse(text))), 3)


if __name__ == "__main__":
    unittest.main()
