"""Claude Code on one machine and Codex on another: each wakes the other by a relay."""

import os
import statistics
import time
import unittest

from tests.relay import TOKEN
from tests.rig.clients import requires
from tests.rig.room import Room, entered, rows
from tests.rig.world import World

MESSAGES = int(os.environ.get("HCOM_TEST_MESSAGES", "10"))


class TwoMachines(Room):
    """One world; in it Claude Code's HCOM_DIR and another, Codex's."""

    def __init__(self):
        self.world = World({"claude": "claude", "codex": "codex"})

    def __enter__(self) -> "TwoMachines":
        super().__enter__()
        self.there = {"HCOM_DIR": str(self.world.home / "there" / ".hcom")}
        token = self.world.root / "token"
        token.write_text(TOKEN)
        serve = ["hcom", "relay", "serve", "--port", "0", "--token-file", str(token), "--quiet"]
        url = self.world.start(serve).until(r"listening on (\S+)")[1]
        for env in (None, self.there):
            self.hcom("config", "relay", url, env=env)
            self.hcom("config", "relay_token", "-", stdin=TOKEN, env=env)
        return self

    def label(self, env=None) -> str:
        return self.hcom("config", "relay", env=env) and next(
            line.split()[1].rstrip(";")
            for line in self.hcom("relay", env=env).splitlines()
            if line.startswith("here")
        )

    def known(self, name: str, env=None) -> bool:
        return name in self.hcom("list", env=env)


@requires("claude", "codex")
class Live(unittest.TestCase):
    def test_a_message_of_one_wakes_the_other_and_comes_once(self):
        room = entered(self, TwoMachines())
        here, there = room.label(), room.label(room.there)
        claude = room.agent("luna", tool="claude")
        room.agent("kira", tool="codex", env=room.there)
        codex = f"luna:{there}"  # the first of its machine has the same name
        room.until(lambda: room.known(codex) and room.known(f"luna:{here}", room.there), 60)
        room.world.model.rule(
            r"\[hcom message #(\d+) from luna:(\w+) · request",
            r"RUN: hcom send @luna:\2 --reply-to \1:\2 -- pong-\1",
        )
        for number in range(MESSAGES):
            claude.ask(
                f"RUN: hcom send @{codex} --intent request -- ping-{number}\nSAY: asked-{number}"
            )
            room.world.model.until(f"ping-{number}", 60, tool="codex")
            room.until(lambda n=number: len(self.of(room, "pong-")) > n, 60)
        shown = list(room.world.model.requests(tool="codex"))[-1].text
        for number in range(MESSAGES):
            self.assertEqual(shown.count(f"ping-{number}\n"), 1, shown[-3000:])
        asked = self.of(room, "ping-")
        room.until(lambda: self.states(room) == {"seen"}, 60)
        self.assertEqual(len(asked), MESSAGES)
        self.assertEqual(len(self.of(room, "pong-")), MESSAGES)
        self.say_how_long(room)

    def of(self, room, text: str) -> list:
        return room.rows(
            "SELECT id FROM events_v WHERE type = 'message' AND msg_text LIKE ? || '%'", text
        )

    def states(self, room) -> "set[str]":
        return {row[0] for row in room.rows("SELECT state FROM deliveries")}

    def say_how_long(self, room) -> None:
        """From the log of one machine to that of the other, which have one clock here."""
        when = "SELECT msg_text, timestamp FROM events_v WHERE msg_text LIKE 'ping-%' ORDER BY id"
        sent = dict(map(tuple, room.rows(when)))
        came = dict(map(tuple, rows(room.there["HCOM_DIR"], when)))

        def at(stamp: str) -> float:
            return time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:-1])

        took = sorted(at(came[text]) - at(sent[text]) for text in sent)
        print(f"\nrelayed: median {statistics.median(took):.3f} s, worst {took[-1]:.3f} s")


if __name__ == "__main__":
    unittest.main()
