"""Whatever a client's hook is given: it ends with 0, says what its client knows or nothing, and
nothing of it becomes an agent."""

import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

from hcom import adapters
from hcom.adapters import launcher
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.delivery import marks
from hcom.home import RECORDER
from hcom.home import Home as Place
from hcom.hooks.main import main
from hcom.hub import launches, mail, people
from hcom.store.connect import open_db
from tests.acts import Forks
from tests.sealed import ROOT, Home

DATA = os.path.join(ROOT, "tests", "data")
HUGE = "x" * 100_000
DEEP = "[" * 1000 + "]" * 1000
# What stands in place of each value, as JSON.
ODD = ("null", "true", "[]", '["a"]', "{}", '{"a": {"b": 1}}', "-1", "1e999", "9" * 5000, '""',
       '"\\u0000"', '"\\ud83d"', '"a\\nb/../c"', json.dumps(HUGE), DEEP)  # fmt: skip
NO_PAYLOAD = (
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf{}", b"null", b"[]", b"{", b'{"session_id": "\xed\xa0"}',
    b"[" * 100_000, b'"' + b"x" * 5_000_000 + b'"', b"x" * 5_000_000,
)  # fmt: skip


def samples() -> list[tuple[str, str, bytes]]:
    """Every recorded payload: its tool, its event, and itself."""
    found = []
    for tool in adapters.TOOLS:
        folder = os.path.join(DATA, tool)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".json"):
                with open(os.path.join(folder, name), "rb") as stream:
                    found.append((tool, name.partition(".")[0], stream.read()))
    return found


def spoilt(raw: bytes):
    """The payload with each of its values missing, twice, and replaced by each of ODD."""
    whole = json.loads(raw)
    for place in _places(whole):
        for odd in ODD:
            yield _with(whole, place, odd).encode()
        yield _with(whole, place, None).encode()
        if len(place) == 1:
            yield raw.rstrip()[:-1] + f', "{place[0]}": [1]}}'.encode()


def _places(value, above=()) -> list[tuple]:
    found = []
    for key, inner in value.items() if isinstance(value, dict) else ():
        found += [(*above, key), *(_places(inner, (*above, key)) if len(above) < 1 else ())]
    return found


def _with(whole: dict, place: tuple, odd: "str | None") -> str:
    """The JSON of `whole` with `odd` in that place; without it where that is None."""
    copy = json.loads(json.dumps(whole))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner.pop(place[-1])
    if odd is None:
        return json.dumps(copy)
    inner[place[-1]] = "@@odd@@"
    return json.dumps(copy).replace('"@@odd@@"', odd)


class Payloads(unittest.TestCase):
    """A launched agent of each tool, whose session each payload is of; mail waits for it."""

    def setUp(self):
        self.world = Home()
        self.addCleanup(self.world.remove)
        self.home = Place(self.world.hcom_dir, self.world.root)
        acts = Forks(self.world)
        acts.__enter__()
        self.addCleanup(acts.__exit__)
        with open_db(self.home) as db:
            for tool, name in zip(adapters.TOOLS, ("luna", "nova", "kira")):
                agent = people.join(db, tool, 1.0, name=name, launch=f"l-{tool}")
                launches.begun(db, agent, f"l-{tool}", "b", "", 1.0)
                marks.mark(self.home, [f"l-{tool}"], name)
        self.names = {"luna", "nova", "kira"}
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the test runs
        self.addCleanup(self.file.close)
        self.said = self.file.fileno()
        kept = os.dup(1), os.dup(2), sys.stdin, dict(os.environ)
        self.addCleanup(self.restore, *kept)
        sys.stdout.flush()
        for number in (1, 2):
            os.dup2(self.said, number)
        os.environ.clear()
        os.environ.update(self.world.env)

    def restore(self, out, errors, stdin, env) -> None:
        os.dup2(out, 1)
        os.dup2(errors, 2)
        for one in (out, errors):
            os.close(one)
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(env)
        gc.enable()

    def hook(self, tool: str, event: str, raw: "bytes | None") -> bytes:
        """What it printed; None for a closed input."""
        sys.stdin = raw if raw is None else io.TextIOWrapper(io.BytesIO(raw))
        os.environ["HCOM_PROCESS_ID"] = f"l-{tool}"
        os.ftruncate(self.said, 0)
        os.lseek(self.said, 0, 0)
        code = main(["hook", tool, event, str(os.getppid())])
        size = os.lseek(self.said, 0, 1)
        said = os.pread(self.said, size, 0)
        if code or (said and not self.is_fit(tool, event, said)):
            raise AssertionError(
                f"{tool} {event}: {code} {said[:300]!r} for {(raw or b'')[:300]!r}"
            )
        return said

    def is_fit(self, tool: str, event: str, said: bytes) -> bool:
        """Whether the client knows all of it."""
        value = json.loads(said)
        specific = value.pop("hookSpecificOutput", None)
        if specific is not None:
            return value == {} and specific.pop("hookEventName") == event and all(
                isinstance(v, str) for v in specific.values()
            )  # fmt: skip
        more = {"systemMessage"} if tool == "gemini" else set()
        return value.pop("decision") == "block" and set(value) - more == {"reason"}

    def unharmed(self) -> None:
        """Nobody has come, and each agent is in a state that the bus can be used with."""
        with open_db(self.home) as db:
            rows = db.execute("SELECT * FROM agents").fetchall()
            bound = db.execute("SELECT id, agent FROM bindings").fetchall()
        self.assertEqual({row["name"] for row in rows}, self.names)
        for row in rows:
            for key in ("session", "directory", "transcript", "launch"):
                self.assertIsInstance(row[key], str)
                self.assertLessEqual(len(row[key]), 4096, key)
                self.assertNotIn("\0", row[key], key)
        for key, _ in bound:
            self.assertRegex(key, r"^[\w.-]{1,128}$")
        for tool, event in (("claude", "UserPromptSubmit"), ("gemini", "BeforeAgent"),
                            ("codex", "UserPromptSubmit")):  # fmt: skip
            with open_db(self.home) as db:
                mail.send(db, Sender("ci", EXTERNAL), "hello", [], Envelope(), 1.0)
            raw = next(s[2] for s in samples() if s[:2] == (tool, event))
            self.assertIn(b"hello", self.hook(tool, event, raw), tool)

    def test_cut_anywhere(self):
        count = 0
        for tool, event, raw in samples():
            for end in range(len(raw.rstrip())):
                self.assertEqual(self.hook(tool, event, raw[:end]), b"")
                count += 1
        self.unharmed()
        self.assertGreater(count, 10_000)

    def test_spoilt(self):
        for tool, event, raw in samples():
            for n, one in enumerate(spoilt(raw)):
                self.hook(tool, event, one)
        self.unharmed()

    def test_what_is_no_payload(self):
        for tool in adapters.TOOLS:
            for raw in (*NO_PAYLOAD, None):
                self.assertEqual(self.hook(tool, "SessionStart", raw), b"")
        self.unharmed()


class Launcher(unittest.TestCase):
    """The same by the command that clients have in their settings."""

    MODES = (("PostToolUse", "later"), ("Stop", "now"), ("SubagentStop", "sub"),
             ("SessionStart", "find"))  # fmt: skip

    def test_what_is_no_payload(self):
        world = Home()
        self.addCleanup(world.remove)
        name = world.start()
        home = Place(world.hcom_dir, world.root)
        launcher.write(home, ["CLAUDE_CODE_SESSION_ID"])
        marks.mark(home, ["s1"], name)
        for event, mode in self.MODES:
            command = launcher.command(home, "claude", event, mode)
            for raw in (*NO_PAYLOAD, b'{"session_id": "s1"', b'{"session_id": "s\0"}', None):
                env = {**world.env, "CLAUDE_CODE_SESSION_ID": "" if mode == "find" else "s1"}
                shut = " <&-" if raw is None else ""
                done = subprocess.run(
                    ["/bin/sh", "-c", f"({command}){shut}"],
                    env=env, input=raw or b"", capture_output=True, timeout=60, check=False,
                )  # fmt: skip
                said = done.returncode, done.stdout, done.stderr
                self.assertEqual(said, (0, b"", b""), (mode, (raw or b"none")[:20]))
        world.until(lambda: not os.path.exists(home.run(RECORDER)), "what was spooled is recorded")
        self.assertEqual(world.known(), [name])


if __name__ == "__main__":
    unittest.main()
