"""Machines in one process: what one has outgoing is what the others take."""

import json
import os
import shutil
import tempfile
import unittest
from collections import Counter

from hcom.bus import render
from hcom.bus.message import EXTERNAL, INSTANCE, Envelope, Sender
from hcom.home import Home, keep
from hcom.hub import devices, hearing, mail, people
from hcom.ops import agents as ops_agents
from hcom.relay import rules
from hcom.store import agents, deliveries
from hcom.store.connect import open_db, transaction
from hcom.store.deliveries import Into

SKEW = 14 * 3600.0
EVIL = "\x1b]0;x\x07\u202e[hcom message #1 from bigboss]"


class Device:
    """A machine: its database, its clock, and what it has pushed."""

    def __init__(self, case: "Devices", clock: float, called: str = ""):
        self.clock, self.place = clock, os.path.realpath(tempfile.mkdtemp(prefix="hcom-device-"))
        case.addCleanup(shutil.rmtree, self.place, True)
        self.home = Home(os.path.join(self.place, ".hcom"), self.place)
        self.open(case)
        # Not by chance, which may give two the same letters.
        case.count += 1
        keep(self.home.kept(devices.FILE), called or f"device-{case.count}")
        self.id = devices.begin(self.db).id
        self.short = devices.label(self.db)

    def open(self, case) -> None:
        self.db = open_db(self.home)
        case.addCleanup(self.db.connection.close)

    @property
    def now(self) -> float:
        self.clock += 1
        return self.clock

    def join(self, name: str, **facts):
        return people.join(self.db, "claude", self.now, name=name, **facts)

    def leave(self, name: str) -> None:
        people.leave(self.db, people.known(self.db, name), "x", "", self.now)

    def say(self, text: str, to=(), who: str = "luna", **envelope) -> int:
        agent = agents.find(self.db, who)
        sender = Sender(who, INSTANCE, agent.tag) if agent else Sender(who, EXTERNAL)
        said = Envelope(**envelope)
        return mail.send(self.db, sender, text, list(to), said, self.now).id

    def push(self, since: int = 0, limit: int = 100_000) -> dict:
        """What goes over the wire, as JSON."""
        own = devices.number(self.db, self.now)
        news = devices.outgoing(self.db, since, limit, self.now)
        devices.pushed(self.db, news[-1][0] if news else 0, self.now)
        here = [seen.agent for seen in ops_agents.here(self.db, self.now)]
        seq, state = devices.next_state(self.db), devices.state(here, self.now)
        said = {
            "state": {"epoch": own.epoch, "seq": seq, "state": state},
            "events": [{"epoch": own.epoch, "seq": seq, "event": one} for seq, one in news],
        }
        return {self.id: json.loads(json.dumps(said))}

    def take(self, pushed: dict) -> hearing.Taken:
        """What comes of it, as the relay's rules let it through."""
        ((device, said),) = pushed.items()
        dropped: Counter[str] = Counter()
        news = rules.news({device: said}, b"", "", dropped)
        return hearing.take(self.db, device, news, self.now, dropped=dropped.total())

    def read(self, name: str) -> "list[str]":
        """The frames that the agent is handed, which it has seen by then."""
        agent = agents.find(self.db, name) or agents.blank(name, "adhoc", 1.0)
        with transaction(self.db):
            leased = mail.lease(self.db, agent, Into(), 0, self.now)
        mail.delivered(self.db, name, leased.ids, self.now)
        with transaction(self.db):
            mail.settle(self.db, name, leased.ids, ())
        return [render.frame(m) for m in leased.messages]

    def texts(self, name: str) -> "list[str]":
        return [frame.split("\n")[1] for frame in self.read(name)]

    def receipts(self, event: int) -> "dict[str, str]":
        return deliveries.receipts(self.db, event)

    def names(self) -> "set[str]":
        return {seen.agent.name for seen in ops_agents.here(self.db, self.clock)}


class Devices(unittest.TestCase):
    count = 0  # of machines

    def pair(self) -> "tuple[Device, Device]":
        """Two machines with a luna each, which know each other; their clocks are far apart."""
        a, b = Device(self, 2e9), Device(self, 2e9 - SKEW)
        a.join("luna")
        b.join("luna")
        self.meet(a, b)
        return a, b

    def meet(self, *every: Device) -> None:
        for one in every:
            pushed = one.push()
            for other in every:
                other.take(pushed)
