"""Each example of what `hcom run docs --api` prints does what it is an example of."""

import os
import re
import sys
import threading
import time
import unittest

from hcom.cli import help as helps
from tests.sealed import ROOT
from tests.test_transcripts import Talk
from tests.test_workflows import Workflow

ACKED = 42  # the message that an example of send() answers
EXAMPLES = re.compile(r"(?m)^### Session.(\w+).*\n|^## hcom\.(\w+).*\n|^Examples:\n((?:    .*\n)+)")
TERMINAL = """sh -c 'bash "$0" &' {script}"""
HEAD = "import hcom\ns = hcom.session()\n"


def examples() -> dict[str, str]:
    """name of a function or method -> the code of its examples."""
    found, name = {}, ""
    for match in EXAMPLES.finditer(helps.api() + "\n"):
        name = match[1] or match[2] or name
        if match[3]:
            found[name] = re.sub("(?m)^    ", "", match[3])
    return found


class Examples(Workflow):
    """luna runs them, beside nova and kira, and a group."""

    def setUp(self):
        super().setUp()
        self.home.env |= {"PYTHONPATH": ROOT, "HCOM_TERMINAL": TERMINAL}
        for session, name in (("s1", "luna"), ("s2", "nova"), ("s3", "kira")):
            self.assertEqual(self.claude(session), name)
            talk = Talk(os.path.join(self.home.root, session + ".jsonl"))
            for number in range(10):
                talk.asked(number)
            self.hook(session, "SessionStart", source="startup", transcript_path=str(talk.path))

    def does(self, code: str, session: str = "s1") -> None:
        """The code runs, in the client of that session."""
        done = self.home.within(
            self.clients[session], sys.executable, "-c", HEAD + code, session=session
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), code)

    def sent(self, *words: str) -> int:
        """The id of a message."""
        self.home.said("send", *words)
        return self.home.sql("SELECT max(id) FROM events WHERE type = 'message'")[0][0]

    def answer(self, over: threading.Event) -> None:
        """nova does all that is waited for, again whenever somebody waits."""
        bells = os.path.join(self.home.hcom_dir, "run", "bells")
        while not over.is_set():
            if not any(bell.startswith("_all.") for bell in os.listdir(bells)):
                time.sleep(0.02)
                continue
            [(newest,)] = self.home.sql("SELECT max(id) FROM events WHERE type = 'message'")
            for words in ("--thread", "task-1"), ("--reply-to", str(newest)):
                self.home.within(
                    self.clients["s2"], "hcom", "send", *words, "@bigboss x", session="s2"
                )
            self.hook("s2", "UserPromptSubmit", prompt="x")
            self.hook("s2", "Stop")

    def test_each(self):
        found = examples()
        self.assertEqual(len(found), 8)
        for name in ("session", "instances", "launch", "events", "subscribe", "transcript"):
            self.does(found[name])
        while self.sent("--from", "ci", "@luna x") < ACKED:
            pass
        self.does(found["send"], "s3")
        over = threading.Event()
        world = threading.Thread(target=self.answer, args=[over])
        world.start()
        try:
            self.does(found["wait"] + "assert event and answer")
        finally:
            over.set()
            world.join()

    def test_what_is_waited_for_in_the_guide(self):
        said = self.home.said("run", "docs", "--api")
        self.edit("s2", os.path.join(self.home.work, "a.py"))
        spans = re.findall(r"`wait(\(.*?\))`", said, re.DOTALL)
        self.assertEqual(len(spans), 4)
        head = f"id, path = 1, {self.home.work!r} + '/a.py'\nfound = s.events"
        for span in spans:
            code = re.sub(r"\s+", " ", span).replace(", after=id", "")
            self.does(f"import os; {head}{code}\nassert found or {'edit' not in code}, found")


if __name__ == "__main__":
    unittest.main()
