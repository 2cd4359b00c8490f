"""The bus that a walk goes through, the steps that it can take there, and the model of it."""

import contextlib
import json
import os
import re
import sqlite3
import zlib
from collections import Counter, namedtuple

from hcom.errors import LockedError
from hcom.home import Home as Place
from hcom.store.connect import open_db
from tests.acts import CLOSED, FULL, GONE, KILL, STOP, Act, Fault, Forks, Running
from tests.played import EVENTS, SAMPLES, Client, Given
from tests.sealed import Home

FRAME = re.compile(r"^\[hcom message #(\d+) from (\S+).*\]\n(?:~(\d+)~)?", re.MULTILINE)
PRINTED = "printed, and nothing says that it was read"
SWALLOWED = "killed when it had said it"  # it is no longer known that nobody took it
FAILED = re.compile(r'"event": "[a-z]+\.(failed|refused)"')  # a bug; clients are told of none
ROUNDS = 8


class Step(namedtuple("Step", "do who what fault beside", defaults=(Fault(), None))):
    """`do` a thing; `who` and `what` are large numbers that choose among what there is then. The
    first process in it meets the `fault`; where that stops it, the step `beside` is done."""

    __slots__ = ()

    def __str__(self) -> str:
        fault = f" {self.fault.kind}@{self.fault.point}" if self.fault.kind else ""
        return f"{self.do}({self.who}, {self.what}){fault}" + (
            f" {{{self.beside}}}" if self.beside else ""
        )


class Broken(Exception):
    """The bus is not as the model says."""

    def __init__(self, kind: str, what: str):
        super().__init__(f"{kind}: {what}")
        self.kind = kind


class Agent:
    """One who is on the bus, as the model has it."""

    def __init__(self, name: str, tool: str, tag: str = "", parent: str = ""):
        self.name, self.tool, self.tag, self.parent = name, tool, tag, parent


def chosen(who: int, found, key=str):
    """One of what there is, the same as long as it is there: a step does the same without others
    before it. None where there is nothing."""
    return max(found, key=lambda one: zlib.crc32(f"{who} {key(one)}".encode()), default=None)


class Bus:
    """The world that one walk goes through, and the model of it."""

    def __init__(self, seed: int, runner=Forks):
        self.seed, self.number, self.chance = seed, 0, 0
        self.world = Home()
        self.root = self.world.root
        self.home = Place(self.world.hcom_dir, self.root)
        self.log = os.path.join(self.home.root, "logs", "hcom.log")
        self.acts = runner(self.world)
        self.clients: list[Client] = []
        self.hookless: list[str] = []
        self.agents: dict[str, Agent] = {}  # who take part
        self.past: list[str] = []  # who did
        self.due: dict[str, dict[str, list[Given]]] = {}  # message: recipient: givings
        self.ids: dict[str, str] = {}  # message: its number on the bus
        self.fault, self.beside = Fault(), None
        self.lags = False  # what such a step left behind has not run yet
        self.loose = False  # something went wrong in this step: its end may be either
        self.paused: Running | None = None
        self.late = 1 << 62  # notices behind this one come of the quiet time itself
        self.counts: Counter = Counter()

    def __enter__(self):
        self.acts.__enter__()
        open_db(self.home).connection.close()
        self.hookless = [self.joined(self.cli("start").said) for _ in range(2)]
        return self

    def __exit__(self, *_error):
        self.acts.__exit__()
        for client in self.clients:
            if client.alive:
                client.end()
        self.world.remove()

    # -- acts --

    def env(self, client: "Client | None", session: str = "") -> dict[str, str]:
        """The environment of a command, or of a hook that is told of a `session`."""
        env = {**self.world.env, "HCOM_DEFAULT_SUBSCRIPTIONS": "", "HCOM_SUBAGENT_TIMEOUT": "0"}
        if client is None:
            return env
        env["CODEX_HOME"] = os.path.join(self.root, ".codex")
        if client.launch:
            env["HCOM_PROCESS_ID"] = client.launch
        if client.tool == "claude":
            more = {"CLAUDECODE": "1", "CLAUDE_PID": str(client.pid)}
            return {**env, **more, "CLAUDE_CODE_SESSION_ID": session or client.session}
        if client.tool == "gemini":
            return {**env, "GEMINI_CLI": "1", **({"GEMINI_SESSION_ID": session} if session else {})}
        return env if session else {**env, "CODEX_THREAD_ID": client.session}

    def run(self, argv, env, client: "Client | None" = None, given: bytes = b""):
        """The outcome of one act, with the fault of this step where it is the first in it."""
        fault, beside = self.fault, self.beside
        self.fault, self.beside = Fault(), None
        self.number += 1
        self.counts["acts"] += 1
        host, seed = client and client.process, self.seed + self.chance
        running = self.acts.begin(host, Act(argv, env, given, fault, seed))
        if fault.kind:
            self.loose = True
        if fault.kind == STOP:
            running.wait()
            if running.stopped:
                self.counts["stopped"] += 1
                before, self.paused = self.paused, running
                if beside:
                    self.do(beside)
                self.paused = before
                running.go_on()
        elif self.paused is not None and not running.wait(self.acts.BLOCKED_S):
            self.paused.go_on()
        done = running.outcome()
        if fault.kind == KILL:
            self.counts["kills"] += done.killed
        if done.errors and (
            argv[0] == "hook" or "Traceback" in done.errors or "bug" in done.errors
        ):
            raise Broken("error", f"{argv}: {done.errors[-3000:]}")
        if argv[0] == "hook" and not done.killed and done.code:
            raise Broken("exit", f"{argv}: {done.code}")
        return done

    def cli(self, *argv: str, client: "Client | None" = None):
        """A command, as the client's model or a person runs it. What it prints is read."""
        faulty = self.fault.kind
        done = self.run(list(argv), self.env(client), client)
        if "--name" in argv:
            name = argv[argv.index("--name") + 1]
            if not done.killed and (argv[0] == "listen" or (argv[0] == "send" and not done.code)):
                self.read(name)
            taken = not done.killed and faulty in ("", STOP, KILL)
            self.hand(name, done, None, done.said, taken)
        return done

    def read(self, name: str) -> None:
        """Who runs a command has read what the one before has printed."""
        for to in self.due.values():
            for one in to.get(name, ()):
                one.asked = one.asked or one.excuse == PRINTED

    def hook(self, client: Client, what: str, **changes) -> dict:
        """What the client takes of a hook's output; {} for nothing."""
        name = EVENTS[client.tool].get(what)
        if name is None:
            return {}
        payload = {**SAMPLES[client.tool, name], "session_id": client.session, "cwd": self.root,
                   "transcript_path": client.path, **changes}  # fmt: skip
        session, faulty, to = client.session, self.fault.kind, client.agent
        if "agent_id" in changes:
            to = client.subs.get(changes["agent_id"], "")
        client.busy += 1
        event = name.partition(".")[0]
        argv = ["hook", client.tool, event, str(client.pid)]
        env = self.env(client, payload["session_id"])
        done = self.run(argv, env, client, json.dumps(payload).encode())
        client.busy -= 1
        if not done.said:
            return {}
        try:
            said = json.loads(done.said)
        except ValueError:
            if done.killed:
                return {}
            raise Broken("output", f"{argv}: {done.said[:300]!r}") from None
        known = {"hookSpecificOutput", "decision", "reason", "systemMessage"}
        if not isinstance(said, dict) or set(said) - known:
            raise Broken("output", f"{argv}: {done.said[:300]!r}")
        specific = said.get("hookSpecificOutput", {})
        text = specific.get("additionalContext") or said.get("reason", "")
        if specific and specific.get("hookEventName") != event:
            raise Broken("output", f"{argv}: {specific.get('hookEventName')}")
        # A client may or may not take what a hook has said that was killed.
        lost = not client.alive or client.session != session or faulty in (GONE, FULL, CLOSED)
        taken = not lost and (not done.killed or self.chance % 2 == 0)
        self.hand(
            client.agent or to if "agent_id" not in changes else to, done, client, text, taken
        )
        return {**said, "text": text} if taken else {}

    def hand(self, name: str, done, client: "Client | None", text: str, taken: bool) -> None:
        """What is framed in the text was given to `name`."""
        for number, sender, token in FRAME.findall(text):
            if number == "0":
                continue
            key = token or f"#{number}"
            if not token:
                if sender != "hcom":
                    raise Broken("frame", f"#{number} from {sender} in {text[:200]!r}")
                self.due.setdefault(key, {to: [] for to, _ in self.receipts(number)})
            before = self.due.get(key, {}).get(name)
            if before is None:
                raise Broken(
                    "wrong", f"~{key}~ was given to {name!r}, it is for {self.due.get(key)}"
                )
            for one in before:
                if one.asked or not one.excuse:
                    raise Broken("twice", f"~{key}~ (#{number}) to {name}, {vars(one)}")
            state = dict(self.receipts(number)).get(name, "")
            excuse = ""
            if done.killed:
                excuse = "killed" if state in ("leased", "queued") else SWALLOWED
            elif not taken:
                excuse = "not taken"
            given = Given(excuse if not taken else "")
            before.append(given)
            self.counts["given"] += bool(token) or int(number) <= self.late
            if taken and client is None:
                given.excuse = PRINTED
            elif taken:
                client.open.append(given)

    def receipts(self, number) -> list:
        return self.rows("SELECT agent, state FROM deliveries WHERE event_id = ?", int(number))

    def rows(self, statement: str, *params) -> list:
        """Rows of the database. Closed again at once: a fork must not inherit it."""
        db = sqlite3.connect(f"file:{self.home.db}?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(statement, params).fetchall()
        finally:
            db.close()

    # -- steps --

    def do(self, step: Step) -> None:
        """One step."""
        outer = self.paused is None
        if outer:
            self.loose = self.lags
        self.fault, self.beside = step.fault, step.beside
        self.chance = step.who * 10_000 + step.what
        try:
            getattr(self, "do_" + step.do)(step.who, step.what)
        except LockedError:  # by who was stopped: a launch beside it gives up
            if outer:
                raise
            self.loose = True
        self.fault, self.beside = Fault(), None
        self.counts[step.do] += 1
        if outer:
            self.lags = self.loose and not step.what % 3
            if step.what % 3:
                self.follow()
            if self.loose:
                self.acts.settle()
            self.look()

    def follow(self) -> None:
        """What was left behind by others runs."""
        for words in self.acts.left_behind():
            self.run(words, self.env(None))

    def look(self) -> None:
        """The bus has the agents that the model has; where something went wrong, the model learns
        what has come of it."""
        rows = self.rows(
            "SELECT name, tool, tag, parent FROM agents WHERE stopped_at IS NULL ORDER BY name"
        )
        if self.loose:
            now = {name: Agent(*row) for row in rows for name in row[:1]}
            self.past += [name for name in self.agents if name not in now]
            self.agents = now
            bound = dict(self.rows("SELECT id, agent FROM bindings WHERE kind = 'session'"))
            launched = dict(self.rows("SELECT id, agent FROM bindings WHERE kind = 'launch'"))
            for client in self.clients:
                name = bound.get(client.session) or launched.get(client.launch, "")
                client.agent = name if name in now else ""
                for key in client.subs:
                    name = bound.get(key, "")
                    client.subs[key] = name if name in now else ""
            self.hookless = [n for n in self.hookless if n not in now or now[n].tool == "adhoc"]
            self.learn()
        elif [row[0] for row in rows] != sorted(self.agents):
            raise Broken("agents", f"{[row[0] for row in rows]}, not {sorted(self.agents)}")

    def learn(self) -> None:
        """What was sent by who was killed is known by what is stored."""
        for number, data in self.rows("SELECT id, data FROM events WHERE type = 'message'"):
            said = re.match(r"~(\d+)~", json.loads(data)["text"])
            if said and said[1] not in self.ids:
                self.ids[said[1]] = str(number)
                self.due[said[1]] = {to: [] for to, _ in self.receipts(number)}

    def pick(self, who: int, want=lambda client: True) -> "Client | None":
        return chosen(who, [c for c in self.clients if want(c)], lambda c: c.number)

    def free(self, who: int, want=lambda client: True) -> "Client | None":
        """A living client that is in none of its hooks."""
        return self.pick(who, lambda c: c.alive and not c.busy and want(c))

    def joined(self, text: str, tool: str = "adhoc", parent: str = "") -> str:
        """The name of the agent that has joined, by what it was told."""
        name = re.search(r"You are '(?:\w+-)?(\w+)' in hcom", text)
        if not name:
            return ""
        self.agents[name[1]] = Agent(name[1], tool, "", parent)
        return name[1]

    def tag_of(self, name: str) -> str:
        return (self.rows("SELECT tag FROM agents WHERE name = ?", name) or [("",)])[0][0]

    def do_quiet(self, _who: int, _what: int) -> None:
        """Every living session has had a prompt, a tool and a turn's end: all is as it should."""
        self.follow()
        self.run(["hook", "record"], self.env(None))
        self.run(["match"], self.env(None))
        self.cli("list", "--json")  # who died without a word is known to be dead
        self.acts.settle()
        self.loose = True
        self.look()
        ((self.late,),) = self.rows("SELECT coalesce(max(id), 0) FROM events")
        for _ in range(ROUNDS):
            before = self.counts["given"]
            self.quiet_round()
            if before == self.counts["given"]:
                break
        else:
            raise Broken("restless", "there is always something more to give")
        self.check()
        self.late = 1 << 62

    def quiet_round(self) -> None:
        for client in self.clients:
            if client.alive:
                if client.subs:
                    self.sub_used(client)
                self.prompted(client)
                self.use(client, 1)
                self.ended_turn(client)
        for name in self.hookless:
            if name in self.agents:
                self.cli("listen", "--name", name, "--timeout", "0.01")
        self.acts.left_behind()  # notices come with the next quiet time
        self.run(["hook", "record"], self.env(None))
        self.acts.settle()

    def living(self) -> set[str]:
        found = {c.agent for c in self.clients if c.alive}
        found |= {n for c in self.clients if c.alive for n in c.subs.values()}
        return (found | set(self.hookless)) & set(self.agents)

    def check(self) -> None:
        with contextlib.suppress(FileNotFoundError), open(self.log, encoding="utf-8") as stream:
            if failed := [line for line in stream if FAILED.search(line)]:
                raise Broken("failed", "".join(failed)[:3000])
        living = self.living()
        for key, to in self.due.items():
            for name in living.intersection(to):
                if not any(g.asked or g.excuse in (PRINTED, SWALLOWED) for g in to[name]):
                    what = [vars(g) for g in to[name]]
                    raise Broken("lost", f"~{key}~ for {name}: {what}, {self.state(key, name)}")
        rows = self.rows(
            "SELECT event_id, agent, state, instance = 'hcom' AND event_id > ? FROM deliveries "
            "JOIN events ON id = event_id WHERE state IN ('queued', 'leased')",
            self.late,
        )
        left = [row for row in rows if row[1] in living and not row[3]]
        if left:
            raise Broken("left", f"{left}")
        listed = [json.loads(x) for x in self.cli("list", "--json").said.splitlines()]
        listed = [a for a in listed if a["status_context"] != "stopped"]  # who left, and runs on
        if sorted(a["base_name"] for a in listed) != sorted(self.agents):
            raise Broken("agents", f"{listed}, not {sorted(self.agents)}")
        idle = {c.agent for c in self.clients if c.alive and not c.turn}
        for one in listed:
            if one["base_name"] in idle and one["status"] != "listening":
                raise Broken("status", f"{one}")
            if one["unread"] and one["base_name"] in living.difference(row[1] for row in rows):
                raise Broken("unread", f"{one}")

    def state(self, key: str, name: str) -> list:
        number = self.ids.get(key, key.lstrip("#"))
        return self.rows("SELECT * FROM deliveries WHERE event_id = ? AND agent = ?", number, name)
