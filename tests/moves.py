"""What is done in a walk of the bus: each step, by what it does, and what the model makes of it."""

import json
import os
import random
import re
import shutil
import time

from hcom.delivery import marks
from hcom.hub import launches, people
from hcom.ops.agents import again
from hcom.store import agents
from hcom.store.connect import open_db
from tests.acts import Host
from tests.bus import ROUNDS, Agent, Broken, Bus, Client, chosen


class Walk(Bus):
    """The bus with the steps that can be taken in it."""

    def do_client(self, who: int, what: int) -> None:
        """A client starts; half of them by hcom."""
        if sum(c.alive for c in self.clients) >= 5:
            return
        tool = ("claude", "codex", "gemini")[who % 3]
        client = Client(tool, self.root, self.chance)
        self.clients.append(client)
        if what % 2 or tool == "gemini":
            self.launch(client)
        said = self.hook(client, "start")
        client.hears(said.get("text", ""))

    def launch(self, client: Client) -> None:
        """The client is one that hcom has launched, as the agent of its session or as a new one."""
        client.launch = f"launch-{client.number}-{client.count}-{self.number}"
        with open_db(self.home) as db:
            found = agents.bound(db, "session", client.session)
            if found and found.tool == client.tool:
                again(db, client.session, False)
            else:
                found = None
            random.seed(self.seed + self.chance)
            agent = found or people.join(db, client.tool, time.time(), launch=client.launch)
            launches.begun(db, agent, client.launch, "b", "", time.time())
            launches.started(db, client.launch, client.pid, client.pid)
        marks.mark(self.home, [client.launch], agent.name)
        client.agent = agent.name
        self.agents.setdefault(agent.name, Agent(agent.name, client.tool, agent.tag))

    def do_join(self, who: int, _what: int) -> None:
        """The model of a client that is nobody runs `hcom start`."""
        client = self.free(who, lambda c: not c.agent and not c.launch and c.tool != "gemini")
        if client is None:
            return
        self.prompted(client)
        # With the hooks in place already it does not wait for them to be noticed.
        done = self.cli("start", client=client)
        client.agent = self.joined(done.said, client.tool) or client.agent
        if not self.loose and not client.agent:
            raise Broken("join", f"{done}")
        self.use(client, 1)

    def prompted(self, client: Client) -> None:
        """A prompt, and what the model says to it."""
        said = self.hook(client, "prompt")
        if said.get("decision") == "block":
            return
        client.turn = True
        client.asked_by_user("do it")
        client.hears(said.get("text", ""))
        client.answers()

    def use(self, client: Client, count: int, **changes) -> None:
        """The model uses tools, and is asked with what comes of it."""
        for _ in range(count):
            said = self.hook(client, "tool", **changes)
            client.hears(said.get("text", ""))
        if client.alive and not client.busy:
            client.answers()

    def do_prompt(self, who: int, what: int) -> None:
        client = self.free(who, lambda c: not c.turn or what % 7 == 0)
        if client:
            self.prompted(client)

    def do_back(self, who: int, _what: int) -> None:
        """A prompt is interrupted before there is an answer, and Claude takes it back."""
        client = self.free(who, lambda c: not c.turn and c.tool == "claude")
        if client is None:
            return
        said = self.hook(client, "prompt")
        if said.get("decision") == "block":
            return
        before = client.asked_by_user("no")
        client.hears(said.get("text", ""))
        client.last = before
        client.lose("its prompt was taken back")

    def do_tool(self, who: int, what: int) -> None:
        client = self.pick(who, lambda c: c.alive and c.turn)
        if client:
            self.use(client, what % 3 + 1)

    def do_failing(self, who: int, _what: int) -> None:
        """A tool fails. Gemini drops what its hook says then."""
        client = self.free(who, lambda c: c.turn and c.tool != "codex")
        if client is None:
            return
        error = {"llmContent": "no", "error": {"message": "no"}}
        more = {"tool_response": error} if client.tool == "gemini" else {}
        said = self.hook(client, "failed", **more)
        if client.tool == "gemini":
            if "~" in said.get("text", ""):
                raise Broken("channel", "given to a tool that failed")
            return
        client.hears(said.get("text", ""))
        client.answers()

    def do_inside(self, who: int, _what: int) -> None:
        """A subagent of Gemini uses a tool: its hook is like any other's."""
        client = self.free(who, lambda c: c.turn and c.tool == "gemini")
        if client is None:
            return
        call = {"tool_name": "invoke_agent", "tool_input": {"agent_name": "x", "prompt": "y"}}
        self.hook(client, "before", **call)
        if self.loose:
            return
        said = self.hook(client, "tool")
        if "~" in said.get("text", ""):
            raise Broken("channel", "given to a subagent's model")
        self.use(client, 1, **call)

    def do_stop(self, who: int, what: int) -> None:
        """The turn ends, as far as hcom lets it."""
        client = self.free(who, lambda c: c.turn)
        if client:
            self.ended_turn(client, what % 3 + 1)

    def ended_turn(self, client: Client, times: int = ROUNDS) -> None:
        for _ in range(times):
            said = self.hook(client, "stop")
            text = said.get("text", "")
            if not text or not client.alive:
                client.turn = False
                return
            client.hears(text, True)
            if client.tool == "gemini":
                self.hook(client, "prompt", prompt=text)
            client.answers()

    def do_error(self, who: int, _what: int) -> None:
        """The turn ends by an error, or by Esc."""
        client = self.free(who, lambda c: c.turn)
        if client is None:
            return
        self.hook(client, "error" if client.tool == "claude" else "esc")
        client.turn = False

    def do_dialog(self, who: int, _what: int) -> None:
        client = self.free(who, lambda c: c.turn)
        if client:
            self.hook(client, "dialog")

    def do_clear(self, who: int, _what: int) -> None:
        client = self.free(who, lambda c: not c.turn)
        if client is None:
            return
        self.hook(client, "end", reason="clear")
        client.lose("cleared")
        client.begin()
        client.subs = {}
        client.hears(self.hook(client, "clear", source="clear").get("text", ""))
        if client.tool == "codex" and client.agent:
            self.prompted(client)  # the new session shows with its first prompt

    def do_compact(self, who: int, _what: int) -> None:
        client = self.free(who, lambda c: c.tool != "gemini" and not c.turn)
        if client:
            client.compacts()
            client.hears(self.hook(client, "compact").get("text", ""))

    def do_end(self, who: int, _what: int) -> None:
        """A client ends, and says so."""
        client = self.free(who)
        if client is None:
            return
        self.hook(client, "end", reason="other")
        self.ended(client)

    def do_die(self, who: int, _what: int) -> None:
        """A client dies without a word."""
        client = self.free(who)
        if client:
            self.ended(client)

    def ended(self, client: Client) -> None:
        client.end()
        self.cli("list", "--json")
        # Its subagents go with it, also those of an agent that went on elsewhere.
        self.loose = self.loose or any(agent.parent for agent in self.agents.values())
        client.subs = {}

    def do_resume(self, who: int, _what: int) -> None:
        """A client that has ended goes on with its session in a new process."""
        client = self.pick(who, lambda c: not c.alive)
        if client is None or sum(c.alive for c in self.clients) >= 6:
            return
        client.process = Host()
        client.alive, client.launch = True, ""
        client.told()
        if client.tool == "gemini":
            self.launch(client)
        client.hears(self.hook(client, "resume").get("text", ""))

    def do_fork(self, who: int, what: int) -> None:
        """A session is forked in a new client: a new agent, where it was one."""
        client = self.free(who, lambda c: c.tool in ("claude", "codex"))
        if client is None or sum(c.alive for c in self.clients) >= 6:
            return
        new = Client(client.tool, self.root, self.chance)
        self.clients.append(new)
        if os.path.exists(client.path):
            shutil.copy(client.path, new.path)
        if client.tool == "codex":
            head = {"payload": {"forked_from_id": client.session}}
            with open(new.path, "w") as stream:
                stream.write(json.dumps(head) + "\n")
            if what % 2:
                self.launch(new)
        session = {"session_id": client.session} if client.tool == "claude" else {}
        said = self.hook(new, "fork", **session)
        name = self.joined(said.get("text", ""), new.tool)
        if not self.loose:
            # a session whose first hook died is not known yet, though its launch is
            known = self.rows("SELECT 1 FROM agents WHERE session = ?", client.session)
            forked = client.agent in self.agents and bool(known)
            if bool(name) != (forked or bool(new.launch)):
                raise Broken("fork", f"of {client.agent!r} is {name!r}")
            new.agent = name
        new.hears(said.get("text", ""))

    # -- subagents --

    def do_sub(self, who: int, _what: int) -> None:
        """A subagent begins and takes part."""
        client = self.free(who, lambda c: c.turn and c.tool == "claude" and c.agent in self.agents)
        if client is None or client.subs:
            return
        key = f"a{self.number}x{client.number}"
        self.hook(client, "sub_start", agent_id=key)
        client.subs[key] = ""
        with open_db(self.home) as db:  # its last hook is not to wait
            db.execute("UPDATE agents SET subagent_timeout = 0")
        done = self.run(["start", "--name", key], self.env(client), client)
        client.subs[key] = self.joined(done.said, "claude", client.agent)
        if not self.loose and not client.subs[key]:
            raise Broken("join", f"{key}: {done}")

    def do_sub_tool(self, who: int, _what: int) -> None:
        client = self.free(who, lambda c: bool(c.subs))
        if client:
            self.sub_used(client)

    def sub_used(self, client: Client) -> bool:
        """Each of its subagents has used a tool; whether one was given anything."""
        given = False
        for key in list(client.subs):
            said = self.hook(client, "sub_tool", agent_id=key)
            given = given or "~" in said.get("text", "")
            for one in client.open:
                one.asked = True
            client.open = []
        return given

    def do_sub_end(self, who: int, _what: int) -> None:
        client = self.free(who, lambda c: bool(c.subs))
        if client is None:
            return
        for key in list(client.subs):
            for _ in range(ROUNDS):
                text = self.hook(client, "sub_end", agent_id=key).get("text", "")
                for one in client.open:
                    one.asked = True
                client.open = []
                if not text:
                    break
            else:
                continue
            if not self.loose:
                gone = self.agents.pop(client.subs.pop(key), None)
                self.past += [gone.name] if gone else []
            else:
                client.subs.pop(key)

    # -- people and agents speak --

    def speaker(self, who: int) -> "tuple[str, list[str], Client | None]":
        """Who speaks, the words that say so, and the client that runs the command."""
        found: list = [("", ["--from", "ci"], None)]
        known = {name for name, agent in self.agents.items() if agent.tool == "adhoc"}
        found += [(n, ["--name", n], None) for n in self.hookless if n in known]
        found += [(c.agent, [], c) for c in self.clients if c.turn and c.agent in self.agents]
        return chosen(who, found, lambda one: one[0])

    def do_send(self, who: int, what: int) -> None:
        """A message: to one, two, all, a tag, as an answer."""
        name, words, client = self.speaker(who)
        token = str(self.number * 10 + 1)
        others = sorted(n for n in self.agents if n != name)
        how, rest = what % 6, what // 6
        to, reply = [], []
        if how == 0:
            expected = others
        elif how == 1 and any(a.tag for a in self.agents.values()):
            tag = sorted({a.tag for a in self.agents.values() if a.tag})[0]
            to, expected = [tag], [n for n in others if self.agents[n].tag == tag]
        elif how == 2 and self.ids and others:
            answered = chosen(what, self.ids)
            to = expected = [chosen(what, others)]
            intent = ("ack", "inform", "request")[rest % 3]
            reply = ["--reply-to", self.ids[answered], "--intent", intent]
        else:
            to = expected = sorted({chosen(rest + n, others) for n in range(how % 2 + 1) if others})
            reply = ["--intent", "request"] if how == 5 else []
            if not to:
                return
        argv = ["send", *words, *[f"@{t}" for t in to], *reply, "--", f"~{token}~ hello"]
        self.due[token] = {n: [] for n in expected}
        done = self.cli(*argv, client=client)
        self.sent(token, done, expected, bool(reply))

    def sent(self, token: str, done, expected, may_fail: bool) -> None:
        """What was sent is stored for those whom the model expects."""
        number = re.search(r"sent #(\d+)", done.said)
        stored = self.rows("SELECT id FROM events WHERE type = 'message' AND data LIKE ?",
                           f'%"text": "~{token}~%')  # fmt: skip
        if number and [int(number[1])] != [row[0] for row in stored]:
            raise Broken("lost", f"~{token}~ was sent as {number[1]}, stored is {stored}")
        if not stored:
            del self.due[token]
            if not self.loose and not may_fail:
                raise Broken("unsent", f"{done}")
            return
        to = sorted(name for name, _ in self.receipts(stored[0][0]))
        if to != sorted(expected) and not self.loose:
            raise Broken("wrong", f"~{token}~ is for {expected}, and goes to {to}")
        self.due[token] = {n: self.due[token].get(n, []) for n in to}
        self.ids[token] = str(stored[0][0])

    def do_listen(self, who: int, _what: int) -> None:
        names = [n for n in self.hookless if n in self.agents]
        if names:
            self.cli("listen", "--name", chosen(who, names), "--timeout", "0.01")

    def do_look(self, who: int, what: int) -> None:
        name, words, client = self.speaker(who)
        argv = (["list", "--json"], ["events", "--last", "5"], ["events", "--sql", "id > 3"])
        words = [] if words[:1] == ["--from"] else words
        self.cli(*argv[what % 3], *words, client=client)

    def do_tag(self, who: int, what: int) -> None:
        names = sorted(n for n, a in self.agents.items() if not a.parent)
        name, tag = chosen(who, names), ("", "red", "blue")[what % 3]
        if self.fault.kind:
            return
        done = self.run(["config", "-i", name, "tag", tag], self.env(None))
        if not done.code:
            self.agents[name].tag = tag

    def do_subscribe(self, who: int, what: int) -> None:
        name, words, client = self.speaker(who)
        if name not in self.agents:
            return
        others = sorted(self.agents)
        other = chosen(what, others)
        what_ = (f"idle:{other}", f"type = 'life' AND instance <> '{name}'",
                 f"type = 'message' AND msg_from = '{other}'", "created")[what % 4]  # fmt: skip
        once = ["--once"] if what % 3 == 0 else []
        self.cli("events", "sub", what_, *once, *words, client=client)

    # -- leaving and coming back --

    def do_leave(self, who: int, _what: int) -> None:
        names = sorted(self.agents)
        name = chosen(who, names)
        self.cli("stop", name)
        if not self.loose:
            self.gone(name)

    def gone(self, name: str) -> None:
        self.past.append(name)
        self.agents.pop(name)
        for child in [a.name for a in self.agents.values() if a.parent == name]:
            self.past.append(child)
            self.agents.pop(child)
        for client in self.clients:
            client.agent = client.agent if client.agent in self.agents else ""
            client.subs = {k: n if n in self.agents else "" for k, n in client.subs.items()}

    def do_as(self, who: int, what: int) -> None:
        """A session, or one without hooks, takes up a name."""
        names = sorted(
            {*self.past, *self.agents} - {a.name for a in self.agents.values() if a.parent}
        )
        names = [n for n in names if "_" not in n]
        if not names:
            return
        name = chosen(what, names)
        client = self.free(who, lambda c: c.tool != "gemini" and not c.launch)
        if client is None:
            return
        living = [c for c in self.clients if c.alive and c.agent == name and c is not client]
        if not client.turn:
            self.prompted(client)
        if not client.turn:
            return
        done = self.cli("start", "--as", name, client=client)
        if self.loose:
            self.look()
            self.use(client, 1)  # whatever became of it, the client tells that a tool was used
            return
        if done.code:
            return
        if living:
            raise Broken("stolen", f"{name} is {living[0].session}, alive; now {client.session}")
        former, client.agent = client.agent, name
        self.agents[name] = self.agents.get(name) or Agent(name, client.tool, self.tag_of(name))
        self.hookless = [one for one in self.hookless if one != name]
        if former and former != name:
            for child in self.agents.values():
                child.parent = name if child.parent == former else child.parent
            self.gone(former)
        for other in self.clients:
            if other is not client and other.agent == name:
                other.agent = ""  # it has ended; resumed, its session is nobody's
        self.use(client, 1)

    def do_reset(self, _who: int, _what: int) -> None:
        """The log goes to the archive; who is there stays with the mail that waits."""
        ended = {n for (n,) in self.rows("SELECT name FROM agents WHERE ended_at IS NOT NULL")}
        done = self.cli("reset")
        self.loose = True  # who runs stays: the database says who that is
        here = {name for (name,) in self.rows("SELECT name FROM agents")}
        for client in self.clients:
            # one whose resuming hook died is still taken for ended
            known = client.agent in self.agents and client.agent not in ended
            if client.alive and known and client.agent not in here:
                raise Broken("reset", f"{client.agent} runs and is gone: {done}")
        self.past = [name for name in self.past if name in here]
        for key in list(self.due):
            self.due[key] = {n: g for n, g in self.due[key].items() if n in here}
        self.ids = {t: n for t, n in self.ids.items()
                    if self.rows("SELECT 1 FROM events WHERE id = ?", int(n))}  # fmt: skip

    # -- when all is quiet --
