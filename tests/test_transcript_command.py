"""hcom transcript, and what is handed over of one, as a person or an agent runs it."""

import json
import os
import unittest
from pathlib import Path

from tests.sealed import Sealed
from tests.test_transcripts import Talk


class Asking(Sealed):
    """The command, and whose transcripts it reads."""

    def setUp(self):
        super().setUp()
        self.luna, self.talk = self.agent("s1")

    def agent(self, session: str) -> tuple[str, Talk]:
        """A Claude Code session that takes part; its name and transcript."""
        name = self.claude(session)
        talk = Talk(os.path.join(self.home.root, session + ".jsonl"))
        self.hook(session, "Stop", transcript_path=str(talk.path))
        return name, talk

    def said(self, *words: str) -> list[dict]:
        return [json.loads(x) for x in self.home.said("transcript", *words, "--json").splitlines()]

    def users(self, *words: str) -> list:
        return [(one["position"], one["user"]) for one in self.said(*words)]

    def fails(self, code: int, *words: str, text: str = "") -> None:
        done = self.home.run("transcript", *words)
        self.assertEqual((done.returncode, done.stdout), (code, ""), (words, done.stderr))
        self.assertLessEqual(len(done.stderr.splitlines()), 2)
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_ranges(self):
        for number in range(1, 13):
            self.talk.asked(number)
        all_ = [(n, f"prompt {n}") for n in range(1, 13)]
        name = self.luna
        self.assertEqual(self.users("@" + name), all_[2:])
        self.assertEqual(self.users(name, "5"), all_[4:5])
        self.assertEqual(self.users(name, "5-7"), all_[4:7])
        self.assertEqual(self.users(name, "11-"), all_[10:])
        self.assertEqual(self.users(name, "11-99"), all_[10:])
        self.assertEqual(self.users(name, "--last", "2"), all_[10:])
        text = self.home.said("transcript", name, "2")
        self.assertIn(f"{name} (claude), exchange 2 of 12", text)
        self.assertIn("answer 2", text)
        self.assertNotIn("echo 2", text)
        self.assertIn("> Bash: echo 2", self.home.said("transcript", name, "2", "--detailed"))
        own = self.home.within(
            self.clients["s1"], "hcom", "transcript", "3", "--json", session="s1"
        )
        self.assertEqual(json.loads(own.stdout)["user"], "prompt 3")

    def test_wrong_ones(self):
        self.fails(1, "@nobody", text="no agent")
        self.fails(1, self.luna, "3", text="0 exchanges")
        self.talk.asked(1)
        self.fails(1, self.luna, "2", text="1 exchanges")
        for words in (("0",), ("3-2",), ("x",), ("1", "2"), ("1", "--last", "3"), ("--all",)):
            self.fails(2, self.luna, *words)
        self.fails(2, text="whose transcript?")
        self.fails(2, "search", text="what is to be found")
        self.fails(1, self.home.start(), text="no transcript")
        self.talk.path.write_bytes(os.urandom(300_000))
        self.assertEqual(self.users(self.luna), [])
        self.talk.path.unlink()
        self.fails(1, self.luna, text="cannot be read")
        os.mkfifo(self.talk.path)
        self.fails(1, self.luna, text="cannot be read")

    def test_who_ended_or_left_or_lies_in_an_archive(self):
        self.talk.asked(1)
        self.hook("s1", "SessionEnd", reason="other", transcript_path=str(self.talk.path))
        self.assertEqual(self.users(self.luna), [(1, "prompt 1")])
        self.home.said("stop", self.luna)
        self.assertEqual(self.users(self.luna), [(1, "prompt 1")])
        self.home.said("reset", "all")
        self.assertEqual(self.users("@" + self.luna), [(1, "prompt 1")])
        [hit] = self.said("search", "PROMPT 1", "--all")
        self.assertEqual((hit["name"], hit["position"]), (self.luna, 1))
        self.assertTrue(hit["archive"])
        self.assertEqual(self.said("search", "prompt 1"), [])

    def test_a_cleared_session_counts_on_and_so_does_a_resumed_one(self):
        self.talk.asked(1)
        second = Talk(os.path.join(self.home.root, "s2.jsonl"), day=2)
        self.clients["s2"] = self.clients["s1"]
        self.hook("s1", "SessionEnd", reason="clear")
        self.hook("s2", "SessionStart", source="clear", transcript_path=str(second.path))
        second.asked(2)
        self.assertEqual(self.users(self.luna), [(1, "prompt 1"), (2, "prompt 2")])
        self.talk.day = 3  # the first one is gone on with
        self.talk.asked(3)
        wanted = [(1, "prompt 1"), (2, "prompt 2"), (3, "prompt 3")]
        self.assertEqual(self.users(self.luna), wanted)
        self.home.said("reset")
        self.assertEqual(self.users(self.luna), wanted)

    def test_a_subagent_has_its_own(self):
        self.talk.asked(1)
        self.hook("s1", "SubagentStart", agent_id="key1")
        joined = ("hcom", "start", "--name", "key1")
        name = self.home.new(lambda: self.home.within(self.clients["s1"], *joined, session="s1"))
        self.fails(1, name, text="is not known")
        folder = Path(self.home.root, "s1", "subagents")
        folder.mkdir(parents=True)
        talk = Talk(folder / "agent-key1.jsonl")
        talk.user("its task", isSidechain=True)
        talk.says("its answer")
        self.assertEqual(self.users(name), [(1, "its task")])
        self.assertEqual(self.users(self.luna), [(1, "prompt 1")])

    def test_no_row_names_a_file(self):
        """An agent in a sandbox may write the database."""
        secret = Talk(os.path.join(self.home.root, "secret.jsonl"))
        secret.user("the secret")
        self.talk.asked(1)
        self.home.change(f"UPDATE agents SET transcript = '{secret.path}', session = 'x'")
        self.home.change(f"UPDATE deliveries SET transcript = '{secret.path}'")
        self.assertEqual(self.users(self.luna), [(1, "prompt 1")])
        for session in ("../s1", "/etc/passwd", "-", secret.path):
            self.home.change(f"UPDATE bindings SET id = '{session}' WHERE kind = 'session'")
            self.fails(1, self.luna, text="is not known")
        self.home.change("UPDATE bindings SET id = 's1' WHERE kind = 'session'")
        self.home.change("UPDATE agents SET tool = 'gemini'")
        self.fails(1, self.luna)
        self.home.change("UPDATE agents SET tool = 'claude', parent = name, session = '../secret'")
        self.fails(1, self.luna, text="is not known")

    def test_timeline(self):
        nova, talk = self.agent("s2")
        self.talk.asked(1)
        talk.asked(1)
        talk.day = 2
        talk.asked(2)
        talk.user("hcom: new mail. The messages are in the hook context of this prompt.")
        found = [(one["name"], one["position"], one["user"]) for one in self.said("timeline")]
        self.assertEqual(
            sorted(found[:2]), sorted([(self.luna, 1, "prompt 1"), (nova, 1, "prompt 1")])
        )
        self.assertEqual(found[2:], [(nova, 2, "prompt 2")])
        self.assertEqual(len(self.said("timeline", "--last", "1")), 1)
        self.assertIn(f"{nova} #2  prompt 2", self.home.said("transcript", "timeline"))

    def test_handed_over(self):
        self.talk.asked(1)
        self.talk.asked(2)
        nova = self.home.start()
        path = os.path.join(self.home.work, "notes")
        Path(path).write_text("12345")
        sent = self.home.within(
            self.clients["s1"], "hcom", "send", f"@{nova}", "--transcript", "1-", "--file", "notes",
            "--event", "1", "--", "see", session="s1",
        )  # fmt: skip
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.home.said("send", "--from", "ci", f"@{nova}", "--transcript", f"@{self.luna}:2")
        got = self.home.said("listen", "--name", nova, "--timeout", "5")
        for line in (
            f"\nsee\ntranscript of {self.luna}, 1-2: hcom transcript @{self.luna} 1-2\n",
            f"\nfile: {path} (5 bytes)\n",
            '\nevent #1: hcom events --sql "id = 1"\n',
            f"\ntranscript of {self.luna}, 2: hcom transcript @{self.luna} 2\n",
        ):
            self.assertIn(line, got)
        before = self.home.sql("SELECT count(*) FROM events WHERE type = 'message'")
        for code, words in (
            (1, ("--transcript", f"@{self.luna}:3")), (2, ("--transcript", "1")),
            (2, ("--transcript", f"@{self.luna}:3-1")), (1, ("--transcript", "@nobody:1")),
            (1, ("--file", "nowhere")), (1, ("--file", ".")), (1, ("--event", "999")),
        ):  # fmt: skip
            done = self.home.run("send", "--from", "ci", f"@{nova}", *words, "--", "x")
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1 + ("\n" in done.stderr.strip()))
        self.assertEqual(
            self.home.sql("SELECT count(*) FROM events WHERE type = 'message'"), before
        )

    def test_search(self):
        nova, talk = self.agent("s2")
        self.talk.asked(1)
        self.talk.user('a "quoted\\word" und Größe')
        talk.asked(1)
        table = {
            ("Prompt 1",): {(self.luna, 1), (nova, 1)},
            ("prompt 1", "--agent", nova): {(nova, 1)},
            ("RESULT 1",): {(self.luna, 1), (nova, 1)},
            ('"QUOTED\\word"',): {(self.luna, 2)},
            ("größe",): {(self.luna, 2)},
            ("ö",): {(self.luna, 2)},
            ("/prompt [0-9]+/", "--agent", self.luna): {(self.luna, 1)},
            ("/^Prompt/",): set(),
            ("/^answer 1$/", "--agent", self.luna): {(self.luna, 1)},
            ("nowhere",): set(),
            ("uuid",): set(),
        }
        for words, wanted in table.items():
            with self.subTest(words):
                found = {(one["name"], one["position"]) for one in self.said("search", *words)}
                self.assertEqual(found, wanted)
        self.fails(0, "search", "nowhere", text="hcom: nowhere (--all: agents in archives, too)")
        done = self.home.run("transcript", "search", "prompt 1", "--last", "1")
        self.assertEqual(done.stderr, "hcom: 1 more: --last 2\n")
        self.fails(2, "search", "/(/", text="not a regular expression")
        self.talk.user("a" * 60 + "b")
        self.fails(1, "search", "/(a+)+$/", text="takes longer")
        self.fails(1, "search", "x", "--agent", "nobody", text="no agent")


if __name__ == "__main__":
    unittest.main()
