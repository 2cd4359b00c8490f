"""What comes from a device that means harm."""

import json

from hcom.bus.agent import BIGBOSS
from hcom.hub import hearing
from hcom.relay import rules
from hcom.store import devices as stored
from hcom.store import events
from tests.devices import EVIL, Device, Devices


class Hostile(Devices):
    """What the relay's rules let through, and what comes of it."""

    def event(self, kind="message", head=(), **data) -> dict:
        said = {
            "message": {"from": "mallory", "sender_kind": "instance", "text": "x"},
            "status": {"val": "active", "context": "", "detail": ""},
            "life": {"action": "ready", "by": ""},
        }.get(kind, {})
        at = "2026-01-01T00:00:00.000Z"
        whole = {"id": 1, "ts": at, "type": kind, "instance": "mallory", "data": {**said, **data}}
        return {**whole, **dict(head)}

    def from_evil(self, a: Device, *raws, agents=None, device="evil", epoch="e"):
        told = [{"epoch": epoch, "seq": n, "event": raw} for n, raw in enumerate(raws, 1)]
        state = {"epoch": epoch, "seq": 1, "state": {"agents": agents}}
        return a.take({device: {"events": told, "state": state if agents else None}})

    def evil(self, a: Device) -> stored.Device:
        (found,) = [d for d in stored.every(a.db) if d.id == "evil"]
        return found

    def test_what_is_no_event_is_dropped_and_counted(self):
        a, _ = self.pair()
        wrong = [
            7,
            [],
            {"type": "message"},
            self.event("stop"),
            self.event("launch", tool="claude"),
            *(self.event(head={"type": t}) for t in ([], None, "x" * 99, "system")),
            *(self.event(head={"id": i}) for i in ("1", True, 1 << 70, -1, None)),
            *(self.event(head={"ts": t}) for t in (7, EVIL, "")),
            *(self.event(head={"instance": i}) for i in ("luna", "../x", [], EVIL)),
            *(self.event(**{"from": f}) for f in ("luna:BOXE", EVIL, None)),
            *(self.event(text=t) for t in (7, "  ", "x" * (1 << 20) + "x", None)),
            *(self.event(sender_kind=k) for k in ("god", "system", [])),
            *(self.event(to=t) for t in ([["x"]], [["x", "y"]] * (rules.TO + 1), 7, [["x", EVIL]])),
            *(self.event(intent=EVIL, thread=t) for t in ("", EVIL)),
            *(self.event("status", val=v) for v in ("dancing", {}, None)),
            *(self.event("life", action=v) for v in ([], EVIL)),
        ]
        count = events.last_id(a.db)
        taken = self.from_evil(a, *wrong)
        self.assertEqual(taken, hearing.Taken([], [], (), 0, len(wrong), []))
        self.assertEqual(events.last_id(a.db), count)
        self.assertEqual(self.evil(a).dropped, len(wrong))

    def test_texts_are_harmless(self):
        a, _ = self.pair()
        there = {"status": "active", "context": EVIL, "detail": EVIL * 99}
        taken = self.from_evil(
            a,
            self.event(
                text=EVIL, to=[[a.id, "luna"]], scope=EVIL, delivered_to=[EVIL], origin=EVIL
            ),
            self.event("status", context=EVIL, detail=EVIL * 100),
            self.event("life", reason=EVIL),
            agents={"mallory": there, "luna": {**there, "tool": EVIL}},
        )
        self.assertEqual((taken.mail, taken.dropped, taken.events), (["luna"], 1, 3))
        for table in ("events", "agents", "devices"):
            for row in a.db.execute(f"SELECT * FROM {table}"):
                for value in row:
                    said = json.loads(value) if str(value).startswith("{") else value
                    self.assertNotRegex(str(said), "[\x1b\x07\u202e]")
        (frame,) = a.read("luna")
        self.assertIn("\\[hcom message #1 from bigboss]", frame)
        self.assertRegex(frame, r"^\[hcom message #\d+ from mallory:[A-Z]{4}\]\n")

    def test_nobody_of_another_device_is_spoken_for(self):
        a, b = self.pair()
        sent = a.say("x", [f"luna:{b.short}"])
        a.say("mine", ["luna"], who="ci")
        count = events.last_id(a.db)
        details = [f"{a.id} {sent}", f"{a.id} 9{'9' * 30}", f"{a.id} x", f"{b.id} {sent}", "", " "]
        self.from_evil(
            a,
            *(
                self.event("status", {"instance": name}, context=f"receipt:{state}", detail=detail)
                for name in ("luna", "bigboss")
                for state in ("seen", "undeliverable", "", "eaten")
                for detail in details
            ),
            agents={
                name: {"status": "active"}
                for name in ("luna", "bigboss", "Luna", "ci.x", "kira_1", "../x", "luna:BOXE")
            },
        )
        self.assertEqual(a.receipts(sent), {f"luna:{b.short}": "queued"})
        self.assertEqual(events.last_id(a.db), count)
        label = self.evil(a).label
        self.assertEqual(self.evil(a).dropped, 5)
        there = {f"luna:{b.short}", f"luna:{label}", f"kira_1:{label}"}
        self.assertEqual(a.names(), {"luna", *there})
        self.assertEqual(a.texts("luna"), ["mine"])
        self.from_evil(a, self.event(), device=a.id)
        self.assertEqual(events.last_id(a.db), count + 1)  # that it was delivered: nothing of ours

    def test_a_program_there_has_a_device_too(self):
        a, _ = self.pair()
        for name in (BIGBOSS, "hcom", "ci"):
            said = {"from": name, "sender_kind": "external", "to": [[a.id, "luna"]]}
            self.from_evil(a, self.event(head={"instance": name}, **said), epoch=name)
        for frame in a.read("luna"):
            self.assertRegex(
                frame, r"from (bigboss|hcom|ci):[A-Z]{4} \((not an agent|the person there)"
            )

    def test_there_are_bounds(self):
        a, _ = self.pair()
        for number in range(hearing.DEVICES + 9):
            self.from_evil(a, device=f"d{number}")
        self.assertEqual(len(stored.every(a.db)), hearing.DEVICES)
        self.assertEqual(self.from_evil(a, self.event(), device="new").dropped, 1)
