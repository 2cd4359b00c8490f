"""What the clients' flags take, and what is no session: tables, held against their --help."""

import os
import re
import subprocess
import tempfile
import unittest

from hcom import adapters
from hcom.adapters import flags
from hcom.adapters.claude import stream
from hcom.adapters.codex import launch as codex
from tests.rig import clients
from tests.sealed import Home

TABLES = {tool: adapters.load(tool, "launch").FLAGS for tool in adapters.TOOLS}
VALUE, OPTIONAL, SEVERAL, NONE = "value", "optional", "variadic", "none"


def said(text: str) -> tuple[dict[str, str], set[str]]:
    """What each flag takes by a client's --help, and the client's commands."""
    found: dict[str, str] = {}
    for line in re.findall(r"^ {2,8}(-.*)", text, re.MULTILINE):
        names, kind = re.findall(r"(?<![\w-])--?\w[\w-]*", re.split(r" [<\[]|  ", line)[0]), NONE
        form = re.sub(r"  .*", "", line) if "[boolean]" not in line else ""
        if re.search(r"<[^>]*\.\.\.>|>\.\.\.", form):
            kind = SEVERAL
        elif "<" in form or re.search(r"\[(string|array|number)\]", line):
            kind = VALUE
        elif "[" in form:
            kind = OPTIONAL
        found.update(dict.fromkeys(names, kind))
    part = re.search(r"^Commands:\n((?:  .*\n|\n(?=  ))+)", text, re.MULTILINE)
    commands: set[str] = set()
    for line in re.findall(r"^  (?:gemini )?(\S.*)", part[1] if part else "", re.MULTILINE):
        commands.update(re.match(r"[a-z][\w|-]*|", line)[0].split("|"))
        commands.update(re.findall(r"[\w-]+", (re.findall(r"aliases: ([^\]]*)", line) or [""])[0]))
    return found, commands - {""}


def helped(name: str, *words: str) -> str:
    """What the client prints for its help, in a home of its own and without a network."""
    with tempfile.TemporaryDirectory(prefix="hcom-test-") as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "CODEX_HOME": home, "TMPDIR": home}
        argv = [str(clients.available(name)), *words]
        done = subprocess.run(
            argv, env=env, cwd=home, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return done.stdout + done.stderr


class AsTheClientsSay(unittest.TestCase):
    # What --help does not tell: an option with or without a value is [string] there, too.
    KNOWN = {("gemini", "--resume"): OPTIONAL, ("gemini", "--worktree"): OPTIONAL}
    # One for each use of it, where others take all that follow.
    ONE = {("codex", "--image")}

    def compare(self, tool: str, text: str, *, commands: bool) -> None:
        table = TABLES[tool]
        taken, words = said(text)
        self.assertGreater(len(taken), 5, text)
        for name, kind in taken.items():
            flag = table.alias.get(name, name)
            with self.subTest(tool, flag=name):
                sets = [k for k in (VALUE, OPTIONAL, SEVERAL, NONE) if flag in getattr(table, k)]
                if (tool, flag) in self.ONE:
                    self.assertIn(kind, (VALUE, SEVERAL))
                else:
                    self.assertEqual(sets, [self.KNOWN.get((tool, flag), kind)])
        if commands:
            self.assertGreater(len(words), 3, text)
            self.assertEqual(words - table.asides - table.sessions, set())

    @clients.requires("claude", "claude-before", "claude-old")
    def test_claude(self):
        for name in ("claude", "claude-before", "claude-old"):
            self.compare("claude", helped(name, "--help"), commands=True)

    @clients.requires("claude", "claude-old")
    def test_flags_that_claude_hides(self):
        """Each is asked for by leaving away what it takes."""
        shown = said(helped("claude", "--help"))[0]
        table = TABLES["claude"]
        for flag in sorted((table.value | table.variadic) - shown.keys()):
            with self.subTest(flag):
                form = re.search(
                    rf"option '{flag} (\S.*)' argument missing", helped("claude", flag)
                )
                self.assertIsNotNone(form)
                self.assertEqual("..." in form[1], flag in table.variadic)

    @clients.requires("gemini")
    def test_gemini(self):
        self.compare("gemini", helped("gemini", "--help"), commands=True)

    @clients.requires("codex", "codex-old")
    def test_codex(self):
        for name in ("codex", "codex-old"):
            self.compare("codex", helped(name, "--help"), commands=True)
            for words in (
                ("exec",),
                ("resume",),
                ("fork",),
                ("exec", "resume"),
                ("exec", "review"),
            ):
                self.compare("codex", helped(name, *words, "--help"), commands=False)


class Pieces(unittest.TestCase):
    def test_unknown_flags_keep_their_values(self):
        table = {
            ("claude", "-p --brand-new auto", "do x"): ["-p", "--brand-new auto", "do x"],
            ("claude", "--brand-new -p", "do x"): ["--brand-new", "-p", "do x"],
            ("claude", "--brand-new=auto", "do x"): ["--brand-new=auto", "do x"],
            ("claude", "-X auto -p", "do x"): ["-X auto", "-p", "do x"],
            ("codex", "--brand-new exec", "do x"): ["--brand-new", "exec", "do x"],
            ("codex", "--brand-new high exec", "do x"): ["--brand-new high", "exec", "do x"],
            ("codex", "-mgpt exec", "do x"): ["-mgpt", "exec", "do x"],
            ("claude", "--brand-new mcp list", ""): ["--brand-new", "mcp", "list"],
        }
        for (tool, words, prompt), pieces in table.items():
            with self.subTest(words):
                args = [*words.split(), *filter(None, [prompt])]
                found = flags.groups(args, TABLES[tool])
                self.assertEqual([" ".join(words) for _, words in found], pieces)

    def test_defaults_keep_theirs(self):
        for tool in adapters.TOOLS:
            given = ["--brand-new", "b", "do x"]
            merged = flags.merged(["--brand-new", "x", "--other", "y"], given, TABLES[tool])
            self.assertEqual(merged, ["--other", "y", *given])

    def test_values_that_are_written_on(self):
        table = {"-C/tmp": "/tmp", "-C=/tmp": "/tmp", "--cd=/tmp": "/tmp", "--cd /tmp": "/tmp"}
        for words, folder in table.items():
            with self.subTest(words):
                self.assertEqual(flags.values(words.split(), codex.FLAGS)["--cd"], folder)

    def test_several_in_one(self):
        self.assertTrue(adapters.load("claude", "launch").is_printing(["-cp", "do x"]))
        self.assertFalse(adapters.load("claude", "launch").is_printing(["-dp", "do x"]))

    def test_a_printing_claude_is_as_bare_where_a_flag_is_unknown(self):
        args = ["-p", "--brand-new", "auto", "do x"]
        self.assertEqual(stream.fed(args), (args, None))
        argv, lines = stream.fed(["-p", "--autocompact", "auto", "do x"])
        self.assertEqual(argv, ["-p", "--autocompact", "auto", *stream.STREAMED])
        self.assertEqual(lines, [stream.line("do x")])

    def test_asides(self):
        table = {
            "claude": ("mcp list", "--verbose doctor", "-v", "plugin install x"),
            "codex": ("login", "-m gpt mcp add", "--version", "review --uncommitted", "help exec"),
            "gemini": ("mcp list", "-d hooks list", "-l", "--delete-session 3", "extensions"),
        }
        sessions = {
            "claude": ("do x", "-p mcp_servers", "--model mcp hi", "-- mcp", "--resume mcp"),
            "codex": ("exec login", "resume", "-m login hi", "exec review", "fork --last"),
            "gemini": ("do mcp", "-p mcp", "-m mcp hi"),
        }
        for expected, cases in ((True, table), (False, sessions)):
            for tool, lines in cases.items():
                for line in lines:
                    with self.subTest(tool, line=line):
                        found = flags.aside(line.split(), TABLES[tool])
                        self.assertEqual(bool(found), expected, found)


class Asides(unittest.TestCase):
    """Commands of a client that are no session run as without hcom."""

    def test_they_pass_through(self):
        home = Home()
        self.addCleanup(home.remove)
        for tool, words in (("claude", "mcp list"), ("codex", "login status"), ("gemini", "-v")):
            with self.subTest(tool):
                home.program(tool, f'#!/bin/sh\necho "{tool}" "$@" "[$HCOM_PROCESS_ID]"; exit 7\n')
                done = home.run(tool, *words.split())
                self.assertEqual((done.returncode, done.stdout), (7, f"{tool} {words} []\n"))
        self.assertNotIn("luna", home.run("list").stdout)

    def test_they_are_no_agents(self):
        home = Home()
        self.addCleanup(home.remove)
        for words in ("2 claude mcp list", "codex login --headless"):
            done = home.run(*words.split())
            self.assertEqual(done.returncode, 2)
            self.assertIn("is no session", done.stderr)


class Dying(unittest.TestCase):
    """A client that dies at once is said to have failed, with its last words."""

    def test_it_is_not_said_to_be_launched(self):
        home = Home()
        self.addCleanup(home.remove)
        table = [("claude", "--headless"), ("claude", "-p x"),
                 ("claude", "-p --new a x"), ("gemini", "-p x"),
                 ("codex", "exec x"), ("codex", "--headless")]  # fmt: skip
        for tool, words in table:
            with self.subTest(tool, words=words):
                home.program(tool, f"echo no such flag >&2\n[ -n {tool} ] && exit 3")
                done = home.run("1", tool, *words.split())
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertRegex(done.stderr, r"not launched: \w+: exit 3\n    no such flag")
                self.assertEqual(home.names(), [])


if __name__ == "__main__":
    unittest.main()
