"""Help and docs come from the declarations; all that public documentation lists is there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from hcom.adapters import TOOLS
from hcom.cli import help as helps
from hcom.cli.catalog import COMMANDS, find
from hcom.cli.model import NAME
from hcom.config import KEYS
from hcom.home import LIMIT_BYTES
from hcom.ops import about
from tests.sealed import ROOT, Home

# Written out from the public documentation: each command's flags and the forms of its use.
SPEC = {
    "events": (
        "--last --sql --wait --once --for --name",
        [
            "sub",
            "unsub ID",
            "collision ",
            "created[:NAME]",
            "stopped[:NAME]",
            "blocked[:NAME]",
            "idle:",
            "file_edits:",
            "user_input:",
            "created",
            "stopped",
            "blocked",
            "cmd:",
            "cmd-starts:",
            "cmd-exact:",
            "msg_from",
            "msg_delivered_to",
            "msg_mentions",
            "msg_sender_kind",
            "status_val",
            "status_context",
            "status_detail",
            "life_action",
            "life_batch_id",
            "life_reason",
            "batch_launched",
        ],
    ),
    "list": ("-v --json --sh", ["self", "FIELD"]),
    "send": ("--stdin --name --from -b --intent --reply-to --thread", ["42:BOXE", "@name"]),
    "stop": ("--name", ["tag:NAME", "all"]),
    "start": ("--as", ["HCOM_DIR=$PWD/.hcom"]),
    "kill": ("", ["all"]),
    "listen": ("--timeout --json --sql --name", ["timeout", "86400"]),
    "reset": ("", ["reset all", "HCOM_DIR"]),
    "config": (
        "--json --edit --reset --info -i",
        ["tag, timeout, hints, subagent_timeout", "self", *KEYS],
    ),
    "relay": ("--update", ["on", "off", "pull", "hf", "serve"]),
    "transcript": ("--last --full --detailed --json", ["timeline", "N-M"]),
    "archive": ("--here --sql --last --json", ["N agents", "NAME"]),
    "run": ("", ["docs", "--cli", "--config", "--api", "SCRIPT"]),
    "status": ("--logs --json", []),
    "hooks": ("", ["status", "add", "remove"]),
}
PAGES = {**{c: helps.page(find(c)) for c in COMMANDS}, **{t: helps.launch(t) for t in TOOLS}}
SPEC_KEYS = (
    "TAG TERMINAL HINTS SUBAGENT_TIMEOUT CLAUDE_ARGS GEMINI_ARGS CODEX_ARGS RELAY "
    "RELAY_TOKEN AUTO_APPROVE DEFAULT_SUBSCRIPTIONS NAME_EXPORT"
)
OWN_KEYS = ("BELL", "RELAY_KEY", "RELAY_ALLOW", "RELAY_ENABLED")


class Declarations(unittest.TestCase):
    def test_what_spec_lists_is_there(self):
        for name, (flags, pieces) in SPEC.items():
            if name not in COMMANDS:
                continue
            with self.subTest(command=name):
                command = find(name)
                there = {f for o in (*command.options, NAME) for f in o.flags.split()}
                self.assertEqual(set(flags.split()) - there, set())
                parts = [helps.page(command, part.name.split()) for part in command.parts]
                page = "\n".join([helps.page(command), *parts])
                for piece in pieces:
                    self.assertIn(piece, page)

    def test_every_setting_of_spec_is_there(self):
        """Those, and after them what the dashboard has besides."""
        self.assertEqual([f"HCOM_{key}" for key in (*SPEC_KEYS.split(), *OWN_KEYS)], list(KEYS))

    def test_every_command_has_help_and_examples(self):
        overview = helps.overview()
        for name in COMMANDS:
            with self.subTest(command=name):
                command = find(name)
                self.assertEqual(command.name, name)
                self.assertIn(command.summary, overview)
                self.assertTrue(command.examples)
                self.assertTrue(all(name in form for form, _ in command.usage))

    def test_hooks_names_every_tool(self):
        for tool in TOOLS:
            self.assertRegex(PAGES["hooks"], rf"TOOL is .*\b{tool}\b")

    def test_no_line_of_help_is_too_wide(self):
        for name, text in PAGES.items():
            for line in text.split("\n"):
                self.assertLessEqual(len(line), 110, f"{name}: {line}")

    def test_each_page_fits_a_screen(self):
        parts = [helps.page(find(c), p.name.split()) for c in COMMANDS for p in find(c).parts]
        for text in (*PAGES.values(), *parts, helps.overview()):
            with self.subTest(text.partition("\n")[0]):
                self.assertLessEqual(len(text.split("\n")), 50)

    def test_reference_holds_every_page(self):
        text = helps.reference()
        self.assertIn(helps.page(find("events"), ["sub"]), text)
        for name in COMMANDS:
            self.assertIn(helps.page(find(name)), text)
        for tool in TOOLS:
            self.assertIn(helps.launch(tool), text)
        self.assertEqual(text.count("```") % 2, 0)


class Examples(unittest.TestCase):
    """Every example of every command, in a home where luna and nova are, and kira is a client."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.addCleanup(self.home.run, "kill", "all")
        self.home.program("claude", '[ "$1" = --version ] && exec echo 9.9.9\nexec sleep 60')

    def test_all(self):
        for name in COMMANDS:
            for example in find(name).examples:
                with self.subTest(example=example):
                    self.world()
                    if "kira" in example:
                        self.client(name == "term")
                    given = example
                    if "--event 1 " in example:  # the first is in the archive
                        given = example.replace("--event 1 ", f"--event {self.event()} ")
                    if name == "relay":
                        self.serves(given)
                        continue
                    done = self.shell(given)
                    waited = example.split()[1] == "listen" or "--wait" in example
                    in_vain = waited and re.match("hcom: no (message|event) within", done.stderr)
                    if not (in_vain and done.returncode == 1):
                        self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertNotIn("Traceback", done.stderr)

    def shell(self, line: str) -> "subprocess.CompletedProcess[str]":
        """What became of the line, typed in a folder of its own."""
        return subprocess.run(
            ["sh", "-c", line],
            env=self.home.env,
            cwd=self.home.work,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    def serves(self, given: str) -> None:
        """The example runs a server, which ends when it is told to."""
        with open(os.path.join(self.home.root, "relay-token"), "w", encoding="ascii") as stream:
            stream.write("a-token-of-the-examples")
        with subprocess.Popen(
            ["sh", "-c", f"exec {given}"],
            env=self.home.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as server:
            self.assertIn(b"listening on http://127.0.0.1:", server.stdout.readline())
            server.terminate()
            self.assertEqual(server.wait(30), 0)

    def event(self) -> int:
        """The newest event."""
        return json.loads(self.home.said("events", "--last", "1"))["id"]

    def client(self, runs: bool) -> None:
        """kira has a session, and its client runs or has ended."""
        session = {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "s1"}
        if self.home.run("start", "--as", "kira", env=session).returncode:  # never there
            self.home.said("start", env=session)
        talk = os.path.join(os.path.dirname(__file__), "data/claude/transcripts/queued.jsonl")
        begun = {"session_id": "s1", "cwd": self.home.work, "transcript_path": talk}
        client = self.home.client()
        self.home.hook("claude", "SessionStart", begun, client.pid, session)
        self.home.run("kill", "kira")
        client.communicate()
        if runs:
            self.home.said("resume", "kira", "--headless")

    def world(self) -> None:
        """luna and nova take part, luna is told when nova is idle, one archive is there."""
        there = {n.rpartition("-")[2] for n in self.home.names()}
        if not os.path.isdir(os.path.join(self.home.hcom_dir, "archive")):
            self.home.said("start")
            self.home.said("reset", "all")
            there = set()
        for name in ("luna", "nova"):
            if name not in there:
                taken = self.home.run("start", "--as", name)
                if taken.returncode:
                    while name not in self.home.names():
                        self.home.said("start")
        self.home.run("events", "sub", "idle:nova", "--for", "luna")

    def test_all_of_the_settings(self):
        examples = [
            line.strip()
            for text in about.TEXTS.values()
            for line in re.findall(r"^  (hcom config (?!-i).*?)(?:  .*)?$", text, re.M)
        ]
        self.assertGreater(len(examples), 15)
        self.home.program("my-terminal", "exit 0")
        folder = self.home.env["TMPDIR"]
        with open(os.path.join(folder, "FILE"), "w") as file:
            file.write("secret" * 7 + "\n")
        for example in examples:
            with self.subTest(example):
                done = subprocess.run(
                    ["sh", "-c", example],
                    env=self.home.env,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                )
                self.assertEqual(done.returncode, 0, done.stderr)


class Outputs(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def test_help_in_every_form(self):
        self.assertEqual(self.home.said("--help"), helps.overview() + "\n")
        self.assertEqual(self.home.said("help"), helps.overview() + "\n")
        for name in COMMANDS:
            self.assertEqual(self.home.said(name, "--help"), helps.page(find(name)) + "\n")
        part = helps.page(find("events"), ["sub"]) + "\n"
        for words in (("help", "events", "sub"), ("events", "sub", "--help")):
            self.assertEqual(self.home.said(*words), part)

    def test_a_client_has_a_page_of_ours_which_starts_nothing(self):
        said = self.home.said("claude", "--help")
        self.assertEqual(said, helps.launch("claude") + "\n")
        for args in (
            ("help", "claude"),
            ("claude", "-h"),
            ("3", "claude", "--help"),
            ("claude", "--model", "opus", "--help"),
        ):
            self.assertEqual(self.home.said(*args), said, args)
        self.assertFalse(os.path.exists(self.home.hcom_dir))
        for tool, printing in (("claude", "-p '"), ("gemini", "-p '"), ("codex", "exec '")):
            with self.subTest(tool):
                said = self.home.said("help", tool)
                for piece in (
                    f"hcom N {tool}",
                    f"hcom {tool} {printing}",
                    f"hcom {tool} --headless",
                    f"hcom 2 {tool}",
                    "HCOM_TERMINAL ",
                    "HCOM_GO=1 ",
                    f"HCOM_{tool.upper()}_ARGS ",
                    f"{tool} --help",
                ):
                    self.assertIn(piece, said)
        self.assertEqual(self.home.said("help", "send"), helps.page(find("send")) + "\n")

    def test_a_client_that_is_not_there_is_said_before_anything_is_written(self):
        for tool in TOOLS:
            with self.subTest(tool):
                done = self.home.run(tool, "--headless")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"hcom: {tool} is not installed", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(sorted(os.listdir(self.home.root)), ["bin", "work"])

    def test_what_was_meant(self):
        for args, said in (
            (("claud",), "did you mean claude?"),
            (("lst",), "did you mean list?"),
            (("help", "claud"), "did you mean claude?"),
            (("3",), "3 of which client? (hcom 3 claude)"),
        ):
            with self.subTest(args):
                done = self.home.run(*args)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(said, done.stderr)

    def test_docs(self):
        self.assertEqual(self.home.said("run", "docs", "--cli"), helps.reference() + "\n")
        said = self.home.said("run", "docs", "--config")
        for key in KEYS:
            self.assertIn(f"## {key}\n", said)
        self.assertEqual(self.home.said("run", "docs", "--api"), helps.api() + "\n")
        self.assertIn("# Commands", self.home.said("run", "docs"))
        self.assertEqual(self.home.run("run", "docs", "--nope").returncode, 2)

    def test_scripts_of_ones_own(self):
        folder = os.path.join(self.home.hcom_dir, "scripts")
        os.makedirs(folder)
        with open(os.path.join(folder, "echo.sh"), "w", encoding="utf-8") as stream:
            stream.write('#!/bin/sh\n# Says what it was given.\nprintf "<%s>" "$@"; exit 3\n')
        with open(os.path.join(folder, "look.py"), "w", encoding="utf-8") as stream:
            stream.write(
                '#!/usr/bin/env python3\n"""Looks."""\nimport hcom; print(hcom.__version__)'
            )
        for name in (".hidden.sh", "_part.py", "notes.txt"):
            Path(folder, name).touch()
        Path(folder, "clone.sh").write_text("# Mine.\n")
        listed = self.home.said("run")
        names = [line.split()[0] for line in listed.split("\n") if line]
        wanted = "docs clone confess debate echo ensemble glue look watcher"
        self.assertEqual(" ".join(names), wanted)
        self.assertIn("clone            Mine.", listed)
        self.assertIn("echo             Says what it was given.", self.home.said("run"))
        self.assertIn("look             Looks.", self.home.said("run"))
        done = self.home.run("run", "echo", "--help", "-x", "a b", "--", "--name", "y")
        self.assertEqual((done.returncode, done.stdout), (3, "<--help><-x><a b><--><--name><y>"))
        self.assertEqual(self.home.run("run", "--name", "luna", "echo").stdout, "<--name><luna>")
        self.assertRegex(self.home.said("run", "look"), r"^\d+\.\d+")
        self.assertIn("printf", self.home.said("run", "echo", "--source"))
        Path(folder, "broken.py").write_text("x = 1\ndef f(\n")
        broken = self.home.run("run", "broken")
        self.assertEqual(broken.returncode, 1)
        self.assertRegex(broken.stderr, r"broken\.py:2: '\(' was never closed")
        Path(folder, "docs.py").write_text("print(1)\n")
        self.assertRegex(self.home.run("run").stderr, "docs.py cannot be run: docs is the name")
        for name in ("nope", "../echo", ""):
            self.assertEqual(self.home.run("run", name).returncode, 1)
        bare = Path(self.home.hcom_dir, "scripts/bare")
        bare.touch()
        self.assertIn(f"no script 'bare' (mv {bare} {bare}.py", self.home.run("run", "bare").stderr)

    def test_scripts_that_cannot_be_run_or_do_not_end(self):
        folder = Path(self.home.hcom_dir, "scripts")
        folder.mkdir(parents=True)
        for name in ("lost.py", "gone.sh"):  # what root cannot read, either
            (folder / name).touch()
            os.truncate(folder / name, LIMIT_BYTES + 1)
        for name, text in (
            ("null.py", "\0"),
            ("open.sh", "if true; then\n"),
            ("bare.py", ""),
            ("list.sh", "# A list of mine.\necho mine\n"),
            ("loop.sh", "echo on\nwhile :; do sleep 60; done\n"),
            ("wait.py", "import time\nprint('on', flush=True)\nwhile True: time.sleep(60)\n"),
        ):
            (folder / name).write_text(text)
        listed = self.home.said("run")
        for line in (
            "lost .*/lost.py cannot be read: ",
            "bare +.it has no doc",
            "list +A list of m",
        ):
            self.assertRegex(listed, f"(?m)^{line}")
        for name, code, why in (
            ("lost", 1, "hcom: .*/lost.py cannot be read: .*"),
            ("gone", 1, "hcom: .*/gone.sh cannot be read: .*"),
            ("null", 1, "hcom: .*/null.py:1: .*null bytes.*"),
            ("open", 2, ".*/open.sh: line 2: .*"),
            ("bare", 0, None),
            ("list", 0, None),
        ):
            done = self.home.run("run", name)
            self.assertEqual(done.returncode, code, name)
            self.assertRegex(done.stderr, rf"\A{why}\n\Z" if why else r"\A\Z")
        for name in ("loop", "wait"):
            with self.subTest(name):
                argv = ["hcom", "run", name]
                loop = subprocess.Popen(
                    argv,
                    env=self.home.env,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
                self.assertEqual(loop.stdout.readline(), b"on\n")
                os.killpg(loop.pid, signal.SIGINT)  # as a terminal does
                loop.communicate(timeout=60)
                self.assertIn(loop.returncode, (-signal.SIGINT, 128 + signal.SIGINT))
                self.assertEqual(self.home.inmates(), [])

    def test_a_script_has_the_hcom_that_runs_it(self):
        folder, copy = Path(self.home.hcom_dir, "scripts"), Path(self.home.root, "copy")
        folder.mkdir(parents=True)
        Path(folder, "which.sh").write_text("# Which.\ncat $(command -v hcom)\n")
        Path(folder, "where.py").write_text('"""Where."""\nimport hcom; print(hcom.__file__)\n')
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(ROOT, "hcom"), copy / "hcom", ignore=ignored)
        self.home.program("hcom", f'exec "{sys.executable}" -I -S "{copy}/hcom" "$@"')
        self.assertIn(str(copy / "hcom"), self.home.said("run", "which"))
        self.assertEqual(self.home.said("run", "where"), f"{copy}/hcom/__init__.py\n")
        self.home.program("hcom", "exit 9")  # another's: that of the script comes first
        mine = [sys.executable, "-I", "-S", str(copy / "hcom"), "run", "which"]
        done = subprocess.run(mine, env=self.home.env, capture_output=True, text=True)
        self.assertIn(str(copy / "hcom"), done.stdout)

    def test_status_says_what_to_do(self):
        said = self.home.said("status")
        for piece in (
            "hcom ",
            "directory",
            "database   ok",
            "claude",
            "terminal",
            "relay      off",
        ):
            self.assertIn(piece, said)
        os.chmod(self.home.hcom_dir, 0o755)
        self.assertTrue(re.search(r"to do .*: chmod 700 ", self.home.said("status")))
        self.home.program("claude", "echo '9.9.9 (Claude Code)'")
        said = self.home.said("status")
        self.assertIn("claude     9.9.9, /", said)
        self.assertIn("note       no hooks in the settings of claude: hcom claude and", said)
        self.assertNotIn("no client is on your PATH", said)
        self.home.said("hooks", "add", "claude")
        os.unlink(os.path.join(self.home.root, "bin", "claude"))
        said = self.home.said("status")
        self.assertIn("claude has hooks and is not on your PATH", said)
        self.assertIn("no client is on your PATH: install one of claude, gemini, codex", said)

    def test_start_says_what_its_hooks_wait_for(self):
        self.home.stand_in("codex", "exit 0")
        env = {"CODEX_THREAD_ID": "t1", "CODEX_HOME": f"{self.home.root}/.codex"}
        said = self.home.run("start", env=env).stderr
        self.assertRegex(said, r"\Ahcom: hooks added to .*\nhcom: codex does not trust .*\n\Z")
        self.assertEqual(self.home.run("start", env=env).stderr, "")

    def test_hooks_of_a_client_that_is_not_there(self):
        for tool in TOOLS:
            with self.subTest(tool):
                done = self.home.run("hooks", "add", tool)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"hcom: {tool} is not installed: nothing was changed", done.stderr)
        self.assertEqual(sorted(os.listdir(self.home.root)), [".hcom", "bin", "work"])

    def test_hooks_that_go_with_a_launch(self):
        rules = Path(self.home.root, ".codex", "rules", "hcom.rules")
        rules.parent.mkdir(parents=True)
        rules.write_text("# Written by hcom: ...")  # all that a launch leaves
        said = self.home.said("hooks")
        for tool in ("claude", "codex"):
            self.assertRegex(said, f"{tool} +not installed; hcom {tool} brings its own")
        self.assertRegex(said, "gemini +not installed  ")
        said = self.home.said("hooks", "remove", "codex")
        self.assertEqual(said, f"codex: hooks removed from {rules}\n")
        self.assertEqual(self.home.said("hooks", "remove", "codex"), "codex: no hooks\n")

    def test_status_tells_of_what_lies_about(self):
        self.home.said("status")
        left = Path(self.home.hcom_dir, "archive", ".part-1")
        left.parent.mkdir(exist_ok=True)
        left.touch()
        spooled = Path(self.home.hcom_dir, "run", "spool", "junk")
        spooled.touch()
        os.utime(spooled, (0, 0))
        said = self.home.said("status")
        self.assertIn("1 events of hooks wait to be recorded: hcom hooks add", said)
        self.assertIn("a reset did not come to its end: hcom archive", said)

    def test_an_agent_sees_what_it_is_about_to_launch(self):
        inside = {"HCOM_PROCESS_ID": "some-launch"}
        done = self.home.run("2", "claude", "--headless", "--", "a b", env=inside)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stdout, r"would launch 2 claude headless, in .*, with: -- 'a b'\n")
        self.assertIn("Nothing was launched", done.stdout)
        done = self.home.run("51", "claude", env=inside)
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot launch 51", done.stderr)
        self.assertEqual(self.home.said("list"), "")


if __name__ == "__main__":
    unittest.main()
