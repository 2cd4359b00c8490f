"""Nothing lost, nothing twice, nothing to the wrong luna, whatever happens between the machines."""

import random
import shutil
import unittest

from hcom.bus import remote
from tests.relay import Relay
from tests.trouble import Brisk, Machine, Proxy
from tests.waiting import looks

SKEW = 14 * 3600.0
ROUNDS = 24


def alike() -> "tuple[str, str]":
    """Two devices that would have the same short id."""
    met: dict[str, str] = {}
    for number in range(10**6):
        one = f"device-{number}"
        other = met.setdefault(remote.letters(one)[:4], one)
        if other != one:
            return one, other
    raise AssertionError("none")


class Trouble(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(20)
        self.relay = Relay("--quiet")
        self.addCleanup(lambda: (self.relay.process.kill(), self.relay.process.communicate()))
        self.proxy = Proxy(self.relay.port, 20)
        self.addCleanup(self.proxy.close)
        self.machines: list[Machine] = []

    def machine(self, skew: float, device: str = "", kind=Machine) -> Machine:
        one = kind(self.proxy.url, skew, device)
        self.addCleanup(shutil.rmtree, one.place, True)
        self.addCleanup(one.close)
        self.machines.append(one)
        return one

    def until(self, true, what, seconds: float = 120) -> None:
        for _ in looks(seconds):
            for one in self.machines:
                one.read()
            if true():
                return
        self.fail(f"not within {seconds} s: {what()}")

    def say(self, one: Machine, text: str, to=(), who: str = "luna") -> None:
        places = {machine.id: machine for machine in self.machines}
        for device, name in one.say(text, to, who):
            places[device].due[name, text] += 1

    def restart(self) -> None:
        """The server is killed, and another that began empty is there."""
        self.relay.process.kill()
        self.relay.process.communicate()
        self.relay = Relay("--quiet", port=self.relay.port)

    def meet(self) -> None:
        full = 2 * (len(self.machines) - 1)
        self.until(
            lambda: all(len(one.names()) == full for one in self.machines),
            lambda: [one.names() for one in self.machines],
        )

    def said_and_done(self) -> None:
        """Everything came, once, and its senders know."""

        def missing() -> list:
            return [(one.id, one.due - one.got) for one in self.machines if one.due != one.got]

        self.until(lambda: not missing(), missing)
        self.until(
            lambda: not any(one.open_mail() for one in self.machines),
            lambda: [one.open_mail() for one in self.machines],
        )
        for one in self.machines:
            self.assertEqual(one.got - one.due, {}, "twice, or to who was not meant")

    def test_all_of_it_at_once(self):
        first, second = alike()
        a, b = self.machine(0), self.machine(SKEW, first)
        self.meet()
        self.say(a, "to who had a shorter name then", [b.label_of(a)])
        c = self.machine(-SKEW, second)
        self.meet()
        for number in range(ROUNDS):
            for one in self.machines:
                who, names = self.random.choice(("luna", "nova")), one.names()
                self.say(one, f"{one.id} {number}", [self.random.choice(names)], who)
                self.say(one, f"{one.id} {number} to luna here", ["luna"], "nova")
                if number % 4 == 0:
                    self.say(one, f"{one.id} {number} to all", (), who)
            if number in (5, 11, 12, 17):
                self.restart()
            if number == 8:  # just when it has read what it has not said to have
                a.read()
                a.reset()
            if number == 15:
                c.worker.kill()
                c.worker.wait()
            if number == 19:
                c.worker = c.begun(c.WORK)
            self.proxy.cut = number in (13, 14, 20)
            for one in self.machines:
                one.read()

        self.said_and_done()
        for trouble in ("lost before", "lost after", "twice", "late"):
            self.assertGreater(self.proxy.done[trouble], 0, trouble)

    def test_a_link_that_is_dead_for_longer_than_a_poll_is_held(self):
        """What is sent goes nowhere, and nobody says so, until each has given up two polls."""
        self.proxy.calm = True
        for skew in (0, SKEW):
            self.machine(skew, f"device-{len(self.machines)}", Brisk)
        self.meet()
        self.proxy.hole = True
        asked = [f"/poll?device={one.id}" for one in self.machines]
        for one in self.machines:
            for number in range(3):
                self.say(one, f"{one.id} {number}", one.names())
        self.until(lambda: all(self.proxy.done[one] > 2 for one in asked), lambda: self.proxy.done)
        self.proxy.hole = False
        self.said_and_done()

    def test_five_machines(self):
        """In peace: every message of each reaches all the others, once."""
        self.proxy.calm = True
        for _ in range(5):
            self.machine(0, f"device-{len(self.machines)}")
        self.meet()
        for number in range(10):
            for one in self.machines:
                self.say(one, f"{one.id} {number}")
        self.until(
            lambda: all(one.due == one.got for one in self.machines),
            lambda: [one.due - one.got for one in self.machines],
        )
        self.assertEqual([one.got.total() for one in self.machines], [10 * (4 * 2 + 1)] * 5)


if __name__ == "__main__":
    unittest.main()
