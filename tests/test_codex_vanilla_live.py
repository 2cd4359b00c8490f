"""Real Codex sessions that hcom did not launch, against a model server on loopback."""

import unittest

from tests.rig.clients import requires
from tests.test_codex_live import BOOTSTRAP, DONE, Live, reviewed


@requires("codex")
class Vanilla(Live):
    def test_a_session_that_hcom_did_not_launch(self):
        room = self.room()
        config = room.world.home / ".codex/config.toml"
        said = room.hcom("hooks", "add", "codex")
        self.assertIn("Trust all and continue", said)
        self.assertIn("review", room.hcom("hooks", "status", "codex"))
        luna = reviewed(room)
        self.assertNotIn("review", room.hcom("hooks", "status", "codex"))
        asked = luna.ask("RUN: hcom start\nSAY: all-ok")
        luna.until(DONE)
        room.until_status(asked.session, "listening")
        requests = room.world.model.requests(session=asked.session)
        (told,) = [request for request in requests if "Hooks run here" in request.fresh]
        self.assertIn("or by `hcom listen`", told.fresh)
        luna.text("half a thought")
        luna.until("half a thought")
        sent = room.send("wake up")
        room.until_told(asked.session, [sent])
        room.until_status(asked.session, "listening")
        luna.settle()
        self.assertIn("half a thought", luna.screen())
        luna.keys("C-c")  # the draft goes first
        luna.until("Ask Codex to do anything")
        luna.settle()
        luna.keys("C-c")
        luna.until_ended()
        name = room.until_status(asked.session, "inactive")["name"]
        sent = room.send("while you were away", f"@{name}")
        again = room.world.codex("again", ["codex", "--no-daemon", "resume", asked.session])
        again.ask("SAY: here-again")
        again.until("^• here-again$")
        room.until_told(asked.session, [sent])
        self.assertEqual(room.until_status(asked.session, "listening")["name"], name)
        again.settle()
        again.keys("C-c")
        again.until_ended()
        trusted = config.read_bytes()
        room.hcom("hooks", "remove", "codex")
        self.assertFalse((room.world.home / ".codex/hooks.json").exists())
        self.assertFalse((room.world.home / ".codex/rules").exists())
        self.assertEqual(config.read_bytes(), trusted)

    def test_a_fork_by_hand_is_an_agent_of_its_own(self):
        room = self.room()
        room.hcom("hooks", "add", "codex")
        luna = reviewed(room)
        asked = luna.ask("RUN: hcom start\nSAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        copy = room.world.codex("copy", ["codex", "--no-daemon", "fork", asked.session])
        heard = copy.ask("SAY: copied-ok")
        self.assertNotEqual(heard.session, asked.session)
        self.assertIn("This session is a fork", heard.text)
        self.assertNotEqual(room.until_status(heard.session, "listening")["name"], name)
        self.assertEqual(room.until_status(asked.session, "listening")["name"], name)

    def test_sessions_of_the_shared_server_are_not_mixed_up(self):
        room = self.room()
        room.hcom("hooks", "add", "codex")
        luna = room.world.pane("luna", ["codex"])
        luna.until("Hooks need review", 60)  # the server copies 400 MB at its first start
        luna.settle()
        luna.keys("2", "Enter")
        luna.until("Ask Codex to do anything", 40)
        luna.settle()
        asked = luna.ask("RUN: hcom start\nSAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        other = room.world.codex("other", ["codex"])
        heard = other.ask("RUN: hcom list self name; true\nSAY: all-ok")
        other.until(DONE)
        self.assertNotEqual(heard.session, asked.session)
        self.assertNotIn("[hcom", heard.text)
        said = room.world.model.until(lambda r: "Output:" in r.fresh, session=heard.session)
        self.assertNotIn(name, said.fresh)
        sent = room.send("for luna alone")
        room.until_told(asked.session, [sent])
        self.assertEqual(room.told(heard.session), [])
        self.assertEqual([a["name"] for a in room.agents()], [name])

    def test_a_launch_uses_installed_hooks_once_and_asks_nothing(self):
        room = self.room()
        room.hcom("hooks", "add", "codex")
        luna = room.agent("luna")
        self.assertNotIn("review", luna.screen())
        asked = luna.ask("RUN: true\nSAY: all-ok")
        luna.until(DONE)
        self.assertEqual(asked.text.count(BOOTSTRAP), 1)
        room.until_status(asked.session, "listening")


if __name__ == "__main__":
    unittest.main()
