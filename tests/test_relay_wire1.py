"""Two machines over a server of wire 1, which is all that it speaks."""

import os
import unittest

from hcom.relay.link import Link, Way
from tests.relay import TOKEN
from tests.test_relay_machines import Machine
from tests.wire1 import Server

CAME = ("delivered", "seen")


class Wire1(unittest.TestCase):
    def room(self, forgetful: bool) -> "tuple[Machine, Machine, str, str]":
        self.server = Server(forgetful)
        self.addCleanup(self.server.close)
        a, b = machines = [Machine(self.server.url, name) for name in ("one", "two")]
        for one in machines:
            self.addCleanup(one.remove)
        to_a, to_b = (f"luna:{one.label}" for one in machines)
        a.until(lambda: to_b in a.names(), f"{to_b} in the list")
        b.until(lambda: to_a in b.names(), f"{to_a} in the list")
        return a, b, to_a, to_b

    def talk(self, forgetful: bool) -> Machine:
        a, b, to_a, to_b = self.room(forgetful)
        label = to_a.partition(":")[2]
        number = a.send(f"@{to_b}", "--", "how long?").split("#")[1].split()[0]
        self.assertIn(f"from {to_a}]\nhow long?\n", b.listen())
        b.send("--reply-to", f"{number}:{label}", "--", "an hour")
        self.assertIn(f"from {to_b} · in reply to #{number}]\nan hour\n", a.listen())
        a.send("--", "to everybody")
        self.assertIn("\nto everybody\n", b.listen())
        a.until(
            lambda: any(f"{to_b} {s}" in a.said("list", "--name", "luna") for s in CAME),
            "the receipt",
        )
        for one in (a, b):  # and whatever comes again is no event more
            self.assertEqual(one.run("relay", "pull").returncode, 0)
            texts = one.said("events", "--type", "message", "--last", "99")
            for text in ("how long?", "an hour", "to everybody"):
                self.assertEqual(texts.count(text), 1, text)
        heard = b.said("events", "--agent", to_a, "--last", "99")
        self.assertEqual(heard.count(f'"deliver:{to_b.partition(":")[0]}'), 1, heard)
        return a

    @unittest.skipUnless(os.path.isdir("/proc/self"), "machines are told apart by /proc")
    def test_they_talk(self):
        a = self.talk(forgetful=False)
        self.assertIn("wire 1: a server that restarts empty is not noticed", a.said("relay"))
        a.said("relay", "invite")
        done = a.run("relay")
        self.assertEqual(done.returncode, 1)
        self.assertIn("it speaks wire 1, on which nothing can be signed", done.stdout)

    @unittest.skipUnless(os.path.isdir("/proc/self"), "machines are told apart by /proc")
    def test_a_server_that_keeps_no_more_than_the_page_has(self):
        self.talk(forgetful=True)

    def test_what_a_server_says_again_is_no_news(self):
        server = Server(hasty=True)
        self.addCleanup(server.close)
        way = Way(Link(server.url, TOKEN, {}), False, lambda: 0)
        self.addCleanup(way.close)
        state = {"instances": {}, "short_id": "BOXE", "reset_ts": 1}
        poll = "/poll?device=x&cursor=&timeout=25"
        found = []
        for events in ([], [{"id": 1, "ts": "", "type": "life", "instance": "x", "data": {}}]):
            server.push("d", {"state": state, "events": events})
            found += [way.ask("GET", poll, None, 20.0) for _ in range(2)]
        self.assertEqual([one.is_news for one in found], [True, False, True, False])
        self.assertEqual([len(one.said["devices"]["d"]["events"]) for one in found], [0, 0, 1, 1])


if __name__ == "__main__":
    unittest.main()
