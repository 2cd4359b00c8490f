"""The architecture, read from the source: who may import whom, where SQL and broad excepts stand,
how large a file and a function get. Each rule is shown to fail on a violation planted in a copy.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.sealed import Home

ROOT = Path(__file__).resolve().parent.parent
LEAVES = {"errors", "home", "log", "config", "process"}
CORE = LEAVES | {"bus", "store", "delivery", "adapters", "hub"}
# A layer is a folder or a file of hcom/: what it may import, besides itself. Down only; a front
# (hooks, wrap, relay, api, tui, cli) never imports another, but the command line may start each.
LAYERS: "dict[str, set[str]]" = {
    "__init__": set(),
    "__main__": {
        "cli",
        "hooks",
        "relay",
        "wrap",
        "ops",
        "store",
        "zipped",
    },  # the processes of hcom: not all through cli
    "errors": set(),
    "home": {"errors"},
    "log": {"errors", "home"},
    "zipped": {"errors", "home"},
    "process": {"errors"},
    "config": {"errors", "home", "bus"},  # bus, which is pure, says what a tag or a preset is
    "bus": {"errors"},
    "store": LEAVES | {"bus"},
    "delivery": LEAVES | {"bus"},
    "adapters": LEAVES | {"bus"},
    "pty": {"errors"},
    "terminal": LEAVES,
    "hub": LEAVES | {"bus", "store"},
    "ops": CORE | {"__init__", "terminal"},
    "hooks": CORE | {"ops"},
    "relay": CORE | {"ops"},
    "wrap": CORE | {"ops", "pty", "terminal"},  # whose window's id it reports
    "api": CORE | {"ops"},
    "scripts": {"__init__"},  # the public API, as scripts of others have it
    "demo": {"errors", "home", "process", "bus", "pty"},  # its adapter is at home below adapters/
    "tui": CORE | {"ops", "pty", "terminal"},  # of pty how wide a character is drawn
    "cli": CORE
    | {"__init__", "ops", "terminal", "hooks", "wrap", "relay", "api", "scripts", "demo", "tui"},
}
COLUMNS = 100
# A file and a function of the package; those of tests hold tables, a row a line.
FILE_LINES, FUNCTION_LINES = 400, 50
TEST_FILE_LINES, TEST_FUNCTION_LINES = 580, 70
# path -> why it is longer; to be kept short
LONGER: dict[str, str] = {
    "hcom/api.py": "its docstrings are the reference of the Python API",
    "hcom/relay/server.py": "it runs alone, where nothing else of hcom is",
    "hcom/api.py:launch": "its docstring is the reference",
    "tests/test_codex.py": "tables of payloads beside the tests that read them",
    "tests/test_gemini.py": "tables of payloads beside the tests that read them",
}
SQL_CALLS = {"execute", "executemany", "executescript"}
BROAD = {"Exception", "BaseException"}
# What would end or start more than we hold in our hands.
FORBIDDEN = re.compile(r"\b(pkill|killall)\b")
# hcom is also a guest in other programs: only what is a process of its own may do this.
NOT_IN_A_HOST, OWN_PROCESS = ("os.fork", "os.forkpty", "os.umask"), ("pty",)


def known_tools() -> list[str]:
    """The tools in the adapters' list."""
    tree = ast.parse((ROOT / "hcom/adapters/__init__.py").read_text(encoding="utf-8"))
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "SIGNS"
    ]
    return list(ast.literal_eval(found[0]))


TOOLS = re.compile("|".join(known_tools()), re.IGNORECASE)
# The settings are named after the tools, in the config table and where their help is kept.
CONFIG_KEY = re.compile(rf"(hcom_)?({TOOLS.pattern})_(args|system_prompt)", re.IGNORECASE)
# Members that are looked for by name: of other people's objects, where systems and Pythons differ.
GUESSED = {"__module__", "reconfigure", "setlimit", "strerror", "waitid"}
# What a hook must not load: each costs milliseconds that an agent waits for.
SLOW = {
    "dataclasses",
    "logging",
    "subprocess",
    "pathlib",
    "urllib",
    "argparse",
    "tempfile",
    "typing",
    "importlib",
    "unicodedata",
    "encodings.utf_16_le",
    "hcom.store.restricted",
}


class Source(NamedTuple):
    """One file of the package; `path` begins with hcom/."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        return self.module if self.path.endswith("/__init__.py") else self.module.rpartition(".")[0]

    @property
    def layer(self) -> str:
        return self.path.split("/")[1].removesuffix(".py")


def sources(root: Path, folder: str = "hcom") -> list[Source]:
    """Every Python file below a folder of the checkout `root`."""
    found = []
    for path in sorted((root / folder).rglob("*.py")):
        if not {"__pycache__", ".clients"} & set(path.parts):
            text = path.read_text(encoding="utf-8")
            found.append(Source(path.relative_to(root).as_posix(), text, ast.parse(text)))
    return found


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """The line and the full name of all that is imported from our package, anywhere in the file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = source.package.split(".") if node.level else []
            parts = parts[: len(parts) - node.level + 1] if node.level else parts
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def bad_imports(source: Source) -> Iterator[str]:
    allowed = LAYERS.get(source.layer, set())
    for line, name in imported(source):
        first, *rest = name.split(".")
        if first != "hcom":
            continue
        target = rest[0] if rest and rest[0] in LAYERS else "__init__"
        if target != source.layer and target not in allowed:
            yield f"{source.path}:{line}: {source.layer} imports {target}"
        mine, theirs = source.path.split("/")[2:3], rest[1:2]
        if (
            source.layer == target == "adapters"
            and len(source.path.split("/")) > 3
            and theirs
            and TOOLS.fullmatch(theirs[0])
            and theirs != mine
        ):
            yield f"{source.path}:{line}: one tool's adapter imports another's"


def unknown_layers(source: Source) -> Iterator[str]:
    if source.layer not in LAYERS:
        yield f"{source.path}: the layer {source.layer} is not in the table"


def stray_sql(source: Source) -> Iterator[str]:
    if source.layer == "store":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in SQL_CALLS:
            yield f"{source.path}:{node.lineno}: .{node.attr} outside store/"
    for line, name in imported(source):
        if name.split(".")[0] == "sqlite3":
            yield f"{source.path}:{line}: sqlite3 outside store/"


def broad_excepts(source: Source) -> Iterator[str]:
    lines = source.text.split("\n")
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler) or not is_broad(node.type):
            continue
        last = node.body[-1]  # what ends with a bare raise swallows nothing
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        if "# boundary" not in lines[node.lineno - 1]:
            yield f"{source.path}:{node.lineno}: a broad except that is no boundary"


def is_broad(caught: ast.expr | None) -> bool:
    return caught is None or any(
        isinstance(n, ast.Name) and n.id in BROAD for n in ast.walk(caught)
    )


def too_large(source: Source) -> Iterator[str]:
    lines = source.text.split("\n")
    inside = source.path.startswith("hcom/")
    file_lines = FILE_LINES if inside else TEST_FILE_LINES
    function_lines = FUNCTION_LINES if inside else TEST_FUNCTION_LINES
    if len(lines) - 1 > file_lines and source.path not in LONGER:
        yield f"{source.path}: {len(lines) - 1} lines"
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > function_lines and f"{source.path}:{node.name}" not in LONGER:
                yield f"{source.path}:{node.lineno}: {node.name} has {length} lines"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{source.path}:{number}: {len(line)} columns"


def strings(source: Source) -> Iterator[tuple[int, str]]:
    """The string literals that are no docstrings."""
    bodies = [
        node.body
        for node in ast.walk(source.tree)
        if hasattr(node, "body") and isinstance(node.body, list)
    ]
    texts = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.lineno, node.value


def tool_names(source: Source) -> Iterator[str]:
    """Code that knows a tool has its name as a word: compared, looked up, part of a path or of a
    variable's name. Help and examples, which are sentences or whole command lines, may say it."""
    if source.layer == "adapters":
        return
    for line, text in strings(source):
        if TOOLS.search(text) and not re.search(r"\s", text) and not CONFIG_KEY.fullmatch(text):
            yield f"{source.path}:{line}: the tool name {text!r}"
    for node in ast.walk(source.tree):
        name = (
            getattr(node, "id", "")
            or getattr(node, "attr", "")
            or getattr(node, "arg", "")
            or (node.name if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else "")
        )
        if name and TOOLS.search(name) and not CONFIG_KEY.fullmatch(name):
            yield f"{source.path}:{getattr(node, 'lineno', 0)}: the tool name in {name}"


def dangerous(source: Source) -> Iterator[str]:
    for line, text in strings(source):
        if FORBIDDEN.search(text):
            yield f"{source.path}:{line}: {text!r}"
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Attribute)
            and ast.unparse(node) in NOT_IN_A_HOST
            and source.layer not in OWN_PROCESS
        ):
            yield f"{source.path}:{node.lineno}: {ast.unparse(node)} in somebody's process"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.system", "os.popen"):
            yield f"{source.path}:{node.lineno}: {ast.unparse(node)}"
        if (
            isinstance(node, ast.keyword)
            and node.arg == "shell"
            and not (isinstance(node.value, ast.Constant) and node.value.value is False)
        ):
            yield f"{source.path}:{node.value.lineno}: shell="


def guessed_members(source: Source) -> Iterator[str]:
    """What of ours has a member has it always: a default is a value, and no `getattr`."""
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "hasattr")
            and isinstance(node.args[1], ast.Constant)
            and node.args[1].value not in GUESSED
        ):
            yield f"{source.path}:{node.lineno}: {ast.unparse(node)}"


def undocumented(source: Source) -> Iterator[str]:
    for node in source.tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if source.path.startswith("hcom/cli/commands/") and node.name == "run":
            continue  # its text is the Command that the file declares
        if not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield f"{source.path}:{node.lineno}: {node.name} has no docstring"
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        yield f"{source.path}: no header"


PACKAGE_RULES = (
    bad_imports,
    unknown_layers,
    stray_sql,
    broad_excepts,
    too_large,
    tool_names,
    dangerous,
    guessed_members,
    undocumented,
)

# A hook of every event of a tool, for an agent with mail, in one process: what it has loaded.
HOOK = """
import io, json, os, sys
root, tool, tmp = sys.argv[1:]
sys.path.insert(0, root)
from hcom.hooks.main import main
after = []
for event in json.load(open(tmp + "/events")):
    payload = {"session_id": "s-1", "hook_event_name": event, "transcript_path": tmp + "/none",
               "cwd": tmp, "source": "startup", "prompt": "hi", "reason": "exit",
               "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_response": {}}
    sys.stdin = io.TextIOWrapper(io.BytesIO(json.dumps(payload).encode()))
    assert main(["hook", tool, event, str(os.getppid())]) == 0
log = tmp + "/.hcom/logs/hcom.log"
sys.stderr.write(json.dumps({"modules": sorted(sys.modules),
                             "log": open(log).read() if os.path.exists(log) else ""}))
"""
# Another process, for it may load anything: the tool's events, and its agent with mail.
PREPARE = """
import json, os, sys, time
root, tool, tmp = sys.argv[1:]
sys.path.insert(0, root)
from hcom import adapters, home
from hcom.bus.message import Envelope, Sender
from hcom.hub import mail, people
from hcom.store.connect import open_db
with open_db(home.locate(os.environ)) as db:
    agent = people.join(db, tool, time.time(), session="s-1", name="luna")
    mail.send(db, Sender("ci", "external"), "hello", ["luna"], Envelope("", "", ""), time.time())
setup = adapters.load(tool, "setup")
json.dump([event[0] for event in setup.EVENTS], open(tmp + "/events", "w"))
"""


def hook_loads(root: Path, tool: str) -> tuple[set[str], str, str]:
    """The modules a hook process of the tool has loaded, what it printed, and its log."""
    place = Home()
    try:
        for program in (PREPARE, HOOK):
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", program, str(root), tool, place.root],
                env=place.env,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode:
                raise AssertionError(done.stderr)
    finally:
        place.remove()  # once what the hook left behind has let go of it
    told = json.loads(done.stderr)
    return set(told["modules"]), done.stdout, told["log"]


class Package(unittest.TestCase):
    def test_rules(self):
        found = sources(ROOT)
        self.assertGreater(len(found), 40)
        for rule in PACKAGE_RULES:
            with self.subTest(rule.__name__):
                broken = [line for source in found for line in rule(source)]
                self.assertFalse(broken, "\n" + "\n".join(broken))

    def test_sizes_of_what_is_not_in_the_package(self):
        for folder in ("tests", "tools", "bench"):
            with self.subTest(folder):
                broken = [line for source in sources(ROOT, folder) for line in too_large(source)]
                self.assertFalse(broken, "\n" + "\n".join(broken))

    def test_exceptions_are_needed(self):
        for place in LONGER:
            self.assertTrue((ROOT / place.split(":")[0]).exists(), place)

    def test_hook_processes_load_little(self):
        for tool in known_tools():
            with self.subTest(tool):
                modules, printed, log = hook_loads(ROOT, tool)
                self.assertIn("hello", printed, log)
                self.assertFalse(modules & SLOW)
                self.assertNotIn("hook.failed", log)

    def test_list_loads_nothing_of_joining(self):
        code = "import sys; from hcom.cli import main; main(['list']); print(*sys.modules)"
        with tempfile.TemporaryDirectory() as place:
            env = {"HOME": place, "PYTHONPATH": str(ROOT)}
            done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
        loaded = set(done.stdout.decode().split())
        self.assertIn("hcom.ops.agents", loaded)
        self.assertFalse(loaded & {"hcom.config", "hcom.bus.bootstrap", "hcom.delivery.sweep"})


PLANTED = (
    (bad_imports, "hcom/bus/planted.py", "from ..store import events\n"),
    (bad_imports, "hcom/hub/planted.py", "def f():\n    from hcom.adapters import load\n"),
    (bad_imports, "hcom/log.py", "from . import hub\n"),
    (bad_imports, "hcom/adapters/codex/planted.py", "from ..claude import hook\n"),
    (unknown_layers, "hcom/planted.py", ""),
    (stray_sql, "hcom/hub/planted.py", "def f(db):\n    db.execute('SELECT 1')\n"),
    (stray_sql, "hcom/hub/planted.py", "import sqlite3\n"),
    (broad_excepts, "hcom/bus/planted.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
    (broad_excepts, "hcom/bus/planted.py", "try:\n    f()\nexcept:\n    raise ValueError\n"),
    (broad_excepts, "hcom/bus/planted.py", "try:\n    1\nexcept (OSError, Exception):\n    2\n"),
    (too_large, "hcom/bus/planted.py", "#\n" * 401),
    (too_large, "hcom/bus/planted.py", "def f():\n" + "    1\n" * 50),
    (too_large, "hcom/bus/planted.py", "#" * 101),
    (tool_names, "hcom/hub/planted.py", "def f(tool):\n    return tool == 'claude'\n"),
    (tool_names, "hcom/hub/planted.py", "path = home + '/.gemini'\n"),
    (tool_names, "hcom/hub/planted.py", "def is_codex(tool):\n    return tool\n"),
    (dangerous, "hcom/hub/planted.py", "run(['pkill', '-f', 'hcom'])\n"),
    (dangerous, "hcom/hub/planted.py", "subprocess.run('ls', shell=True)\n"),
    (dangerous, "hcom/hub/planted.py", "import os\nos.system('ls')\n"),
    (dangerous, "hcom/ops/planted.py", "import os\nif not os.fork():\n    pass\n"),
    (guessed_members, "hcom/wrap/planted.py", "x = getattr(adapter, 'look', None)\n"),
    (guessed_members, "hcom/ops/planted.py", "if hasattr(f(), 'ring'):\n    pass\n"),
    (undocumented, "hcom/bus/planted.py", '"""Header."""\ndef f():\n    pass\n'),
    (undocumented, "hcom/bus/planted.py", "x = 1\n"),
)
FINE = (
    (bad_imports, "from ..errors import HcomError\nimport re\n"),
    (broad_excepts, "try:\n    f()\nexcept Exception:  # boundary\n    pass\n"),
    (broad_excepts, "try:\n    f()\nexcept BaseException:\n    close()\n    raise\n"),
    (guessed_members, "x = getattr(row, name)\ny = hasattr(os, 'waitid')\n"),
    (tool_names, '"""Claude."""\nTEXT = "hcom claude, or what you like"\n'),
)


class Planted(unittest.TestCase):
    """Each rule finds what is planted in a copy of the tree, and nothing else in that file."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.root = Path(place.name)
        shutil.copytree(
            ROOT / "hcom", self.root / "hcom", ignore=shutil.ignore_patterns("__pycache__")
        )

    def found(self, rule, path: str, text: str) -> list[str]:
        planted = self.root / path
        before = planted.read_text(encoding="utf-8") if planted.exists() else None
        planted.write_text((before or "") + text, encoding="utf-8")
        try:
            return [
                line
                for source in sources(self.root)
                if source.path == path
                for line in rule(source)
            ]
        finally:
            planted.unlink() if before is None else planted.write_text(before, encoding="utf-8")

    def test_violations_are_found(self):
        for rule, path, text in PLANTED:
            with self.subTest(rule.__name__, text=text[:60]):
                self.assertTrue(self.found(rule, path, text))

    def test_what_is_fine_is_not(self):
        for rule, text in FINE:
            with self.subTest(rule.__name__, text=text):
                self.assertEqual(self.found(rule, "hcom/bus/planted.py", text), [])

    def test_a_slow_import_in_a_hook_is_seen(self):
        with open(self.root / "hcom/hooks/handle.py", "a", encoding="utf-8") as file:
            file.write("\nimport argparse\n")
        self.assertIn("argparse", hook_loads(self.root, known_tools()[0])[0])


if __name__ == "__main__":
    unittest.main()
