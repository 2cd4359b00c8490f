"""The dashboard beside three real clients at work: what it shows is what the database says."""

import json
import os
import re
import unittest

from hcom.bus.agent import MARKS
from tests.rig.clients import requires
from tests.rig.room import entered
from tests.rig.settings import Permissions
from tests.test_three import DIALOGS, TOOLS, Three
from tests.waiting import looks

AGREED_S = 30.0  # a busy machine; the doorbell takes milliseconds
ROUNDS = int(os.environ.get("HCOM_TEST_ROUNDS", "2"))  # 80 take some five minutes
LEAST = 8  # of the newest events are on the screen whatever their height
AGENT = re.compile(r"^[> ](\S) (\S+) +(\w+) ", re.M)
WHEN = r"(?:[A-Z]\w\w \d\d )?\d\d:\d\d"  # of another day, with it
EVENT = re.compile(r"^[> ]\S#(\d+) ", re.M)
NEWEST = """
SELECT e.id, e.type, e.instance, e.data, a.kind, a.what,
    (SELECT json_group_object(agent, state) FROM deliveries WHERE event_id = e.id) AS states
FROM events e LEFT JOIN acts a ON a.event_id = e.id GROUP BY e.id ORDER BY e.id DESC LIMIT 40
"""


def receipt(states: dict[str, str]) -> str:
    """A pattern of how the stream says how far a message came: with whom, or how many."""
    if len(states) == 1:
        return next("✓ seen" if state == "seen" else state for state in states.values())
    of = {said: [n for n, state in states.items() if state == said] for said in states.values()}
    names = [f"✓ {', '.join(of['seen'])}"] if "seen" in of else []
    names += [f"{', '.join(of[state])} {state}" for state in of if state != "seen"]
    seen, all_of = len(of.get("seen", ())), len(states)
    there = f"✓ {seen}/{all_of} seen" if seen else f"{len(of.get('delivered', ()))}/{all_of} there"
    left = of.get("queued", [])
    there += f", {left[0]} queued" if len(left) == 1 else ""
    return f"({re.escape(' · '.join(names))}|{re.escape(there)})"


def line(event) -> str:
    """A pattern of the first line of the event in the stream."""
    data, states = json.loads(event["data"]), json.loads(event["states"])
    head = rf"^[> ]{{}}#{event['id']} {WHEN} {event['instance']}"
    if event["type"] == "message":
        if states.get("bigboss") == "queued":
            return head.format("»") + r" → .* NEW$"
        return head.format("»") + rf" → .* {receipt(states)}$"
    if event["type"] == "life":
        return head.format(r"[+-]") + f"  {data['action'].removeprefix('batch_')}"
    if event["kind"] == "edit":
        return head.format("~") + "  edit "
    if event["kind"] == "command":
        return head.format(r"\$") + "  " + re.escape(event["what"].split("\n")[0][:20])
    if data["context"].startswith("deliver:"):
        return head.format("«") + f"  reads {data['context'][8:]} {data['detail']}$"
    letter = "·" if data["context"].startswith("tool:") else MARKS[data["val"]]
    return head.format(letter) + "  "


@requires(*TOOLS)
class Live(unittest.TestCase):
    def differs(self, screen: str) -> str:
        """What of the database the screen shows otherwise; "" for nothing."""
        shown = {name: mark for mark, name, tool in AGENT.findall(screen) if tool in TOOLS}
        wanted = {agent["name"]: MARKS[agent["status"]] for agent in self.room.agents()}
        if shown != wanted:
            return f"agents: {shown}, not {wanted}"
        newest = self.room.rows(NEWEST)
        ids = sorted(map(int, EVENT.findall(screen)))
        known = sorted(event["id"] for event in newest)
        if ids != known[-len(ids) :] or len(ids) < min(LEAST, len(known)):
            return f"events: {ids}, not {known}"
        for event in newest:
            if event["id"] in ids and not re.search(line(event), screen, re.M):
                return f"{line(event)}: {dict(event)}"
        return ""

    def agree(self) -> None:
        """The screen shows what the database says."""
        said = ""
        for _ in looks(AGREED_S):
            said = self.differs(self.dashboard.screen())
            if not said:
                return
        self.fail(f"not within {AGREED_S} s: {said}\n{self.dashboard.portrait()}")

    def until_all(self, status: str) -> None:
        for name in ("luna", "nova", "kira"):
            self.room.until_status(name, status, 60)
            self.agree()

    def round(self, panes, names) -> None:
        """One is told something by its person, the others by a program, whom they answer."""
        typed, *asked = names
        tools = dict(zip(("luna", "nova", "kira"), TOOLS))
        message = self.room.send(f"@{asked[0]} @{asked[1]} still there?", "--intent", "request")
        panes[tools[typed]].submit(f"SAY: {typed} is busy")
        for name in asked:
            self.room.until_told(tools[name], name, message, 60)
            self.agree()
        answers = "SELECT id FROM events_v WHERE msg_reply_to = ?"
        self.room.until(lambda: len(self.room.rows(answers, message)) == 2, 60)
        self.until_all("listening")

    def test_what_three_clients_do(self):
        self.room = room = entered(self, Three(Permissions.ASK))
        self.dashboard = room.world.pane("dashboard", ["hcom"], cols=120, rows=50)
        self.dashboard.until("no agents")
        # a model that has apply_patch as a tool: the shell's tells no hook that it is done
        with open(room.world.home / ".codex/config.toml", "a", encoding="utf-8") as config:
            config.write('[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n')
        panes = {
            "claude": room.agent("luna"),
            "gemini": room.agent("nova", tool="gemini"),
            "codex": room.agent("kira", "-m", "gpt-5.5", tool="codex"),
        }
        self.until_all("listening")

        # a message to each while idle, which wakes them, and what they say back
        room.world.model.rule(
            r"\[hcom message #([1-9]\d*) from ci",
            r"RUN: hcom send @bigboss --reply-to \1 -- pong-\1",
        )
        request, names = ("--intent", "request"), ("luna", "nova", "kira")
        asked = [room.send(f"@{name} are you there?", *request) for name in names]
        for tool, name, message in zip(TOOLS, names, asked):
            room.until_told(tool, name, message, 60)
            self.agree()
        for name in names:
            self.dashboard.until(rf"^[> ]»#\d+ {WHEN} {name} → bigboss .* NEW$", 60)
        self.until_all("listening")

        # edits and commands, and a person who is asked
        path = room.world.project("shared") / "a.txt"
        panes["codex"].submit(f"WRITE: {path} one\nSAY: over")
        room.until_status("kira", "blocked", 60)
        self.agree()
        self.dashboard.until(r"^[> ]■ kira +codex +.*apply_patch")
        panes["codex"].until(DIALOGS["codex"], 60)
        panes["codex"].settle()
        panes["codex"].keys("Enter")
        room.until(path.exists, 60)
        self.dashboard.until(rf"^[> ]~#\d+ {WHEN} kira  edit .*a\.txt", 60)
        room.until_status("kira", "listening", 60)
        self.agree()
        panes["claude"].submit("RUN: rm -rf ../precious\nSAY: over")
        room.until_status("luna", "blocked", 60)
        self.agree()
        self.dashboard.until(r"^ hcom +1 need you")
        self.dashboard.until(r"^[> ]■ luna +claude +.*rm -rf")
        panes["claude"].until(DIALOGS["claude"], 60)
        panes["claude"].settle()
        panes["claude"].keys("Escape")
        room.until_status("luna", "listening", 60)
        self.agree()

        # the person writes from the dashboard, and is answered there
        self.dashboard.keys("b")
        self.dashboard.until("to everyone: 3")
        self.dashboard.text("say it to all")
        self.dashboard.keys("Enter", "Enter")
        self.dashboard.until(r"sent #\d+ to")
        self.agree()
        self.until_all("listening")
        sent = room.rows("SELECT id FROM events WHERE type = 'message' ORDER BY id DESC LIMIT 1")
        states = "SELECT DISTINCT state FROM deliveries WHERE event_id = ?"
        room.until(lambda: [s["state"] for s in room.rows(states, sent[0]["id"])] == ["seen"], 60)
        self.agree()

        for number in range(ROUNDS):
            self.round(panes, names[number % 3 :] + names[: number % 3])
        self.dashboard.keys("q")
        self.assertEqual(self.dashboard.until_ended(), 0)


if __name__ == "__main__":
    unittest.main()
