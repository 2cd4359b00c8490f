"""Two machines as a person joins them: a server, two settings on each, and what agents then do."""

import json
import os
import re
import unittest

from hcom.home import keep
from tests.relay import TOKEN, Relay
from tests.sealed import Home


class Machine(Home):
    """One with an agent luna; what it is called by the others is `label`."""

    def __init__(self, url: str, device: str):
        super().__init__()
        keep(os.path.join(self.hcom_dir, ".agents", "device"), device)  # by chance two may be alike
        del self.env["AI_AGENT"]
        self.said("start")
        self.said("config", "relay", url)
        self.said("config", "relay_token", "-", stdin=TOKEN + "\n")

    @property
    def label(self) -> str:
        return self.status()["device"]

    def status(self) -> dict:
        done = self.run("relay", "--json")
        return json.loads(done.stdout)

    def send(self, *words: str, who: str = "luna") -> str:
        return self.said("send", "--name", who, *words)

    def until(self, true, what: str, seconds: float = 90.0):
        """A machine under load is slow, and here are six processes."""
        return super().until(true, what, seconds)

    def listen(self, who: str = "luna", seconds: str = "90") -> str:
        return self.said("listen", seconds, "--name", who, timeout=120)

    def workers(self) -> "list[int]":
        """The processes that talk to the relay."""
        found = []
        for pid in self.inmates():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as stream:
                    words = stream.read().split(b"\0")
            except OSError:
                continue  # gone by now
            if b"relayed" in words and b"sh" not in words:
                found.append(pid)
        return found


@unittest.skipUnless(os.path.isdir("/proc/self"), "processes are counted by /proc")
class Two(unittest.TestCase):
    def setUp(self):
        self.relay = Relay("--quiet")
        self.addCleanup(lambda: (self.relay.process.kill(), self.relay.process.communicate()))
        self.a, self.b = self.machines = [Machine(self.relay.url, name) for name in ("one", "two")]
        for one in self.machines:
            self.addCleanup(one.remove)
        self.to_a, self.to_b = (f"luna:{one.label}" for one in self.machines)

    def meet(self) -> None:
        """Each knows the other's luna."""
        for one, name in ((self.a, self.to_b), (self.b, self.to_a)):
            one.until(lambda one=one, name=name: name in one.names(), f"{name} in the list")

    def test_they_talk(self):
        self.meet()
        said = self.a.send(f"@{self.to_b}", "--intent", "request", "--", "how long?")
        number = said.split("#")[1].split()[0]
        self.assertIn(f"to {self.to_b}", said)
        frame = self.b.listen()
        self.assertIn(f"from {self.to_a} · request]\nhow long?\n", frame)
        reply = frame.rpartition("answer: hcom send ")[2].split(" --name")[0]
        self.assertEqual(reply, f"@{self.to_a}")
        label = self.to_a.partition(":")[2]
        self.assertIn(f"--reply-to {number}:{label} ", frame)
        self.b.send("--reply-to", f"{number}:{label}", "--", "an hour")
        self.assertIn(f"from {self.to_b} · in reply to #{number}]\nan hour\n", self.a.listen())
        self.a.until(
            lambda: f"#{number}: {self.to_b} " in self.a.said("list", "--name", "luna"), "a receipt"
        )
        self.a.until(
            lambda: any(
                state in self.a.said("list", "--name", "luna") for state in ("delivered", "seen")
            ),
            "what became of it",
        )
        # what the other device does is told here, too, and by whom
        heard = self.a.said("events", "--agent", self.to_b, "--last", "9")
        self.assertIn(f'"deliver:{self.to_a.partition(":")[0]}', heard)

    def test_names_are_of_one_machine_and_a_broadcast_of_all(self):
        self.a.said("start")
        self.meet()
        there = f"nova:{self.to_a.partition(':')[2]}"
        self.b.until(lambda: there in self.b.names(), "nova, too")
        self.a.send("@luna", "--", "here", who="nova")
        self.a.send("--", "to everybody", who="nova")
        self.assertIn("\nto everybody\n", self.b.listen())
        first = self.a.listen()
        self.assertIn("\nhere\n", first)
        self.assertIn("\nto everybody\n", first)
        self.assertNotIn("\nhere\n", self.b.said("events", "--type", "message", "--last", "9"))
        done = self.b.run("send", "--name", "luna", "@nova", "--", "x")
        self.assertIn(there, done.stderr)  # nobody of that name is here: it says where one is

    def test_one_worker_that_ends_with_the_last_agent(self):
        for one in self.machines:
            one.until(one.workers, "a worker")
            for _ in range(5):
                one.said("list")
                one.send("@bigboss", "--", "x")
            self.assertEqual(len(one.workers()), 1)
        (pid,) = self.a.workers()
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            self.assertNotIn(TOKEN.encode(), stream.read())
        self.a.said("stop", "luna", "--name", "luna")
        self.b.until(lambda: self.to_a not in self.b.names(), "that the other has left")
        self.a.until(lambda: not self.a.workers(), "no worker")  # though its poll was held
        self.b.said("relay", "off")
        self.b.until(lambda: not self.b.workers(), "none where the relay is off")
        self.b.send("@bigboss", "--", "x")
        self.assertEqual(self.b.workers(), [])

    def test_what_is_sent_while_the_server_is_away_arrives(self):
        self.meet()
        self.relay.stop()
        self.a.send(f"@{self.to_b}", "--", "one")
        self.a.send(f"@{self.to_b}", "--", "two")
        failed = self.a.run("relay")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("Connection refused", failed.stdout)
        self.assertIn("queued", self.a.said("list", "--name", "luna"))
        self.relay = Relay("--quiet", port=self.relay.port)
        self.addCleanup(lambda: (self.relay.process.kill(), self.relay.process.communicate()))
        got = ""
        for _ in range(2):
            got += self.b.listen() if got.count("[hcom message") < 2 else ""
        self.assertEqual([got.count(f"\n{text}\n") for text in ("one", "two")], [1, 1])

    def test_what_was_before_or_while_it_was_off_is_told_to_nobody(self):
        self.meet()
        self.a.said("relay", "off")
        self.a.until(lambda: not self.a.workers(), "nobody talks")
        self.a.send("@bigboss", "--", "a secret")
        self.a.send(f"@{self.to_b}", "--", "for later")
        self.a.said("relay", "on")
        self.assertIn("\nfor later\n", self.b.listen())
        self.a.send(f"@{self.to_b}", "--", "last")
        self.assertIn("\nlast\n", self.b.listen())
        self.assertNotIn("a secret", self.b.said("events", "--last", "99"))

    def test_a_relay_that_was_set_by_hand_is_told_no_more_than_what_waits(self):
        self.meet()
        self.a.send("@bigboss", "--", "a secret")
        self.a.send(f"@{self.to_b}", "--", "first")
        self.assertIn("\nfirst\n", self.b.listen())
        self.relay.stop()
        self.a.send(f"@{self.to_b}", "--", "late")
        other = Relay("--quiet")
        self.addCleanup(lambda: (other.process.kill(), other.process.communicate()))
        for one in self.machines:
            path = os.path.join(one.hcom_dir, "config.env")
            with open(path, encoding="utf-8") as stream:
                text = stream.read().replace(self.relay.url, other.url)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        self.assertIn("\nlate\n", self.b.listen())
        for text in ("first", "late"):
            said = self.b.said("events", "--type", "message", "--last", "99")
            self.assertEqual(said.count(f'"{text}"'), 1, text)
        self.assertNotIn("a secret", json.dumps(other.poll()))

    def test_what_another_device_may_do_is_what_its_person_allows(self):
        self.b.said("start")
        self.meet()
        label = self.to_b.partition(":")[2]
        there = f"nova:{label}"
        self.a.until(lambda: there in self.a.names(), "nova, too")

        def answered(*command: str) -> str:
            self.assertIn(f"asked {label}", self.a.said(*command, "--name", "luna"))
            return self.a.listen()

        refused = answered("stop", there)
        self.assertIn(f"from hcom:{label} (not an agent) · error · in reply to #", refused)
        self.assertIn("stop is not allowed to other devices here", refused)
        self.assertIn("nova", self.b.names())
        self.assertIn("transcript is not allowed", answered("transcript", there))
        self.b.said("config", "relay_allow", "stop,transcript,launch")
        self.assertIn("stopped nova", answered("stop", there))
        self.b.until(lambda: "nova" not in self.b.names(), "that it was stopped")
        told = self.b.said("events", "--agent", "nova", "--last", "1")
        self.assertIn(f'"by": "{self.to_a}"', told)
        self.assertIn("no agent 'nobody'", answered("stop", f"nobody:{label}"))
        self.assertRegex(answered("transcript", self.to_b), "error.*\n.*(no|none)")
        for order, why in (("launch codex", "with a relay_key only"), ("reset", "cannot be")):
            self.a.send(f"@hcom:{label}", "--", order)
            self.assertIn(why, self.a.listen())
        with self.assertRaises(AssertionError):
            self.a.send("@hcom", "--", "stop luna")

    def test_a_client_is_launched_for_who_may_ask(self):
        told = os.path.join(self.b.root, "told")
        self.b.stand_in("claude", f'env >"{told}.part"; mv "{told}.part" "{told}"; exec sleep 600')
        for one in self.machines:
            one.said("config", "relay_key", "-", stdin="a-key-of-the-room\n")
        self.b.said("config", "relay_allow", "launch")
        self.meet()
        label = self.to_b.partition(":")[2]
        self.a.send(f"@hcom:{label}", "--", "launch claude")
        answer = self.a.listen()
        self.assertIn(f"from hcom:{label} (not an agent) · inform · in reply to #", answer)
        (name,) = re.findall(r"^launched (\w+)$", answer, re.M)
        self.b.until(lambda: os.path.exists(told), "the client")
        with open(told, encoding="utf-8") as stream:
            env = stream.read()
        self.assertNotIn(TOKEN, env)
        self.assertNotIn("a-key-of-the-room", env)
        life = self.b.said("events", "--type", "life", "--last", "9")
        (asked,) = [line for line in life.splitlines() if "batch_launched" in line]
        self.assertIn(f'"instance": "{self.to_a}"', asked)
        self.a.until(lambda: f"{name}:{label}" in self.a.names(), "it in the other's list")

    def test_status(self):
        self.meet()
        said = self.a.status()
        self.assertEqual((said["queue"], said["errors"], said["probe"]["error"]), (0, {}, ""))
        self.assertTrue(said["on"] and said["worker"] and not said["signed"])
        (there,) = said["devices"]
        self.assertEqual(there["agents"], [self.to_b])
        self.assertLess(there["news_age_s"], 60)
        text = self.a.said("relay")
        for part in ("unsigned: the operator can forge", "came back after", "0 to push", "luna"):
            self.assertIn(part, text)
        self.a.said("config", "relay_key", "-", stdin="a-key-of-the-room\n")
        self.a.said("relay", "pull")
        self.assertTrue(self.a.status()["signed"])
        self.b.said("config", "relay_token", "-", stdin="wrong-token-0123456789\n")
        self.assertIn("the token is wrong", self.b.run("relay", "pull").stderr)


class Alone(unittest.TestCase):
    def test_no_client_has_the_token(self):
        home = Home()
        self.addCleanup(home.remove)
        told = os.path.join(home.root, "told")
        home.stand_in("claude", f'env > "{told}.part"; mv "{told}.part" "{told}"; exec sleep 600')
        env = {"HCOM_RELAY_TOKEN": TOKEN, "HCOM_RELAY_KEY": TOKEN, "OTHER": "there", "HCOM_GO": "1"}
        home.said("1", "claude", "--headless", env=env)
        home.until(lambda: os.path.exists(told), "the client's environment")
        with open(told, encoding="utf-8") as stream:
            text = stream.read()
        self.assertIn("OTHER=there", text)
        self.assertNotIn(TOKEN, text)
        for pid in home.inmates():
            with open(f"/proc/{pid}/environ", "rb") as stream:
                self.assertNotIn(TOKEN.encode(), stream.read())

    def test_where_nothing_is_set(self):
        home = Home()
        self.addCleanup(home.remove)
        for words in ((), ("on",), ("off",), ("pull",)):
            done = home.run("relay", *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("no relay is set (hcom config relay URL", done.stderr)
        self.assertEqual(home.run("relay", "nonsense").returncode, 2)
        self.assertEqual(home.run("relay", "on", "x").returncode, 2)


if __name__ == "__main__":
    unittest.main()
