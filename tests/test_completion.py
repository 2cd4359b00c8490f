"""Completion: what may stand behind the words so far, and each shell asking for it on a TAB."""

import os
import select
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from hcom.cli.catalog import COMMANDS, find
from hcom.cli.commands import completion
from hcom.cli.model import NAME
from tests.sealed import Home

UNTIL_S = 30
# A line as typed, and what the TAB makes of it where luna and dev-nova are.
LINES = (
    ("hcom arc", "hcom archive"),
    ("hcom 3 cla", "hcom 3 claude"),
    ("hcom send @lu", "hcom send @luna"),
    ("hcom send @dev-", "hcom send @dev-nova"),
    ("hcom send @luna @dev-n", "hcom send @luna @dev-nova"),
    ("true && X=1 hcom send @lu", "true && X=1 hcom send @luna"),
    ("hcom send 'a b' @lu", "hcom send 'a b' @luna"),
    ("hcom send @luna --int", "hcom send @luna --intent"),
    ("hcom send @luna --intent rep", "hcom send @luna --intent rep"),
    ("hcom send @luna --intent req", "hcom send @luna --intent request"),
    ("hcom stop tag:", "hcom stop tag:dev"),
    ("hcom events sub idle:lu", "hcom events sub idle:luna"),
    ("hcom list --name lu", "hcom list --name luna"),
    ("hcom config terminal tmux-s", "hcom config terminal tmux-split"),
    ("hcom events --for nob", "hcom events --for nob"),
)


class Here(unittest.TestCase):
    """A home; luna, dev-nova and a script are there after `people`."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def people(self) -> None:
        for name in ("luna", "nova"):
            self.assertEqual(self.home.start(), name)
        self.home.said("config", "-i", "nova", "tag", "dev")
        os.mkdir(os.path.join(self.home.hcom_dir, "scripts"))
        Path(self.home.hcom_dir, "scripts", "review.sh").write_text("# Looks.\n")

    def words(self, *typed) -> list[str]:
        done = self.home.run("completion", "words", "--", *typed)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()


class Words(Here):
    def test_what_may_stand_behind_what(self):
        self.people()
        subs = " ".join(name for (name,) in self.home.sql("SELECT id FROM subscriptions"))
        for typed, expected in (
            (("c",), "config completion claude codex"),
            (("3", ""), "claude gemini codex"),
            (("claude", ""), ""),
            (("nonsense", ""), ""),
            (("--",), "--help --version"),
            (("send", ""), "@luna @dev-nova @dev"),
            (("send", "@luna", ""), "@luna @dev-nova @dev"),
            (("send", "@luna", "--", "@"), ""),
            (("send", "--thread", "@"), ""),
            (("send", "--intent", ""), "request inform ack error"),
            (("stop", "luna", ""), "luna dev-nova tag:dev all"),
            (("kill", "d"), "dev-nova"),
            (("list", ""), "luna dev-nova self"),
            (("list", "--name", ""), "luna dev-nova"),
            (("list", "-v", "l"), "luna"),
            (("resume", ""), "luna dev-nova"),
            (("start", "--as", "l"), "luna"),
            (("config", "re"), "relay relay_allow relay_enabled relay_key relay_token"),
            (("config", "--info", "tag", ""), "dev"),
            (("config", "-i", ""), "luna dev-nova self"),
            (("config", "-i", "luna", "ti"), ""),
            (("config", "terminal", "wez"), "wezterm-tab"),
            (("events", ""), "sub unsub launch"),
            (("events", "sub", "cr"), "created created:luna created:dev-nova"),
            (("events", "sub", "idle"), "idle:luna idle:dev-nova"),
            (("events", "unsub", ""), subs),
            (("events", "--type", ""), "message status life"),
            (("events", "--status", "b"), "blocked"),
            (("events", "--last", ""), ""),
            (("hooks", ""), "status add remove"),
            (("hooks", "add", ""), "claude gemini codex all"),
            (("run", ""), "docs clone confess debate ensemble glue review watcher"),
            (("run", "docs", "--c"), "--cli --config"),
            (("reset", ""), "all"),
            (("completion", ""), "bash zsh fish"),
        ):
            with self.subTest(typed):
                self.assertEqual(sorted(self.words(*typed)), sorted(expected.split()))

    def test_every_command_tool_and_flag(self):
        self.assertLessEqual({*COMMANDS, "claude", "gemini", "codex"}, {*self.words("")})
        for name in COMMANDS:
            with self.subTest(name):
                flags = [f for o in (*find(name).options, NAME) for f in o.flags.split()]
                self.assertEqual({*self.words(name, "-")}, {*flags, "--help"})
        self.assertEqual({*self.words("status", "")}, {*self.words("status", "-")})

    def test_every_word_that_is_completed_means_something(self):
        for words in completion.BEHIND:
            self.assertIn(words.split(" ")[0], (*COMMANDS, "", "N"))
        flags = {f for name in COMMANDS for o in find(name).options for f in o.flags.split()}
        self.assertLessEqual(set(completion.VALUES), {*flags, "--name"})

    def test_without_a_database_the_rest_is_there(self):
        self.assertEqual(self.words("stop", ""), ["all"])
        self.assertFalse(os.path.exists(self.home.hcom_dir))
        self.people()
        for broken in (
            lambda db: self.home.change("DROP TABLE agents"),
            lambda db: self.home.change("PRAGMA user_version = 999"),
            lambda db: db.write_bytes(b"no database at all" * 999),
        ):
            broken(Path(self.home.hcom_dir, "db", "hcom.db"))
            self.assertEqual(self.words("stop", ""), ["all"])
            self.assertEqual(self.words("send", "@"), [])
            self.assertEqual(self.words("arc"), ["archive"])

    def test_other_words_are_wrong(self):
        for words in ((), ("tcsh",), ("bash", "zsh"), ("agents",)):
            done = self.home.run("completion", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("bash, zsh, fish", done.stderr)


class Shells(Here):
    """Shells that a person types in: what stands on the line behind the TAB."""

    def lines(self, argv: list[str], prepare: str, **env) -> None:
        """Each of LINES is completed by a shell that was told `prepare`, by which Ctrl-T shows the
        line and empties it."""
        self.people()
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        shell = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=self.home.work,
            env={**self.home.env, "TERM": "dumb", "PS1": "$ ", **env},
            start_new_session=True,
        )
        os.close(slave)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        os.write(master, prepare.encode() + b"\necho read''y\n")
        self.read(master, b"ready")
        for typed, expected in LINES:
            with self.subTest(typed):
                os.write(master, typed.encode() + b"\t\x14")
                said = self.read(master, b"}}").partition(b"{{")[2].partition(b"}}")[0]
                self.assertEqual(said.decode().rstrip(" "), expected)

    def read(self, master: int, mark: bytes) -> bytes:
        got, end = b"", time.monotonic() + UNTIL_S
        while mark not in got:
            if not select.select([master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {mark!r} within {UNTIL_S} s: {got!r}")
            got += os.read(master, 4096)
        return got

    def test_bash(self):
        show = """bind -x '"\\C-t": printf "{{%s}}" "$READLINE_LINE"; READLINE_LINE='"""
        self.lines(
            ["bash", "--norc", "--noprofile", "-i"], f'eval "$(hcom completion bash)"; {show}'
        )

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        show = "show() { print -n -- \"{{$BUFFER}}\"; BUFFER=; }; zle -N show; bindkey '^T' show"
        self.lines(
            ["zsh", "-f", "-i"],
            f'autoload -U compinit; compinit -D -u; eval "$(hcom completion zsh)"; {show}',
        )

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        self.people()
        for typed, expected in LINES:
            done = subprocess.run(
                ["fish", "-N", "-c", f'hcom completion fish | source; complete -C "{typed}"'],
                env=self.home.env,
                capture_output=True,
                text=True,
                check=True,
            )
            with self.subTest(typed):
                wanted = [] if typed == expected else [expected.split()[-1]]
                self.assertEqual((done.stdout.split(), done.stderr), (wanted, ""))

    def test_each_part_asks_for_the_words(self):
        for shell in completion.SHELLS:
            self.assertIn("hcom completion words -- ", self.home.said("completion", shell))


if __name__ == "__main__":
    unittest.main()
