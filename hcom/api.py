"""hcom for programs: `import hcom` leads here once it is used. A thin front on ops/ that decides
nothing, and a guest in its program: between two calls nothing is open and nothing runs, and none
changes what is the process's own. `hcom run docs --api` is printed from the docstrings.
"""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from . import adapters
from . import home as homes
from .bus import address, exchange
from .bus.agent import STOPPED
from .bus.message import Sender, envelope, text_of
from .errors import HcomError, UsageError
from .hub import people
from .hub import subscriptions as watch
from .ops import agents, look, setup, talk, transcripts
from .ops import launch as launching
from .ops.caller import surroundings
from .store import agents as stored
from .store import events, subscriptions
from .store.connect import open_db

Facts = dict[str, Any]
WAIT_S = 60.0  # as `hcom events --wait`


class Receivers(list[str]):
    """The full names of those who received a message; `id` is the message's."""

    def __init__(self, sent: talk.Sent):
        super().__init__(sent.to)
        self.id: int = sent.id


class Session:
    """Messages, events and transcripts, in the name of one agent or program.

    hcom.session() makes one. Nothing is remembered between calls: each looks anew. Each raises
    HcomError when it cannot be done: `.message` says why and `.hint` what helps.
    """

    def __init__(self, agent: str, program: str):
        self._agent, self._program = agent, program

    def _own(self, db, what: str):
        """Our agent. HcomError when there is none, or it has left."""
        if not self._agent:
            raise HcomError(
                f"an external session cannot {what}: it is no agent, and receives nothing",
                "hcom.session(name=...) of an agent",
            )
        return people.known(db, self._agent)

    def _sender(self, db) -> Sender:
        if self._program:
            return talk.external(db, self._program)
        return people.sender(self._own(db, "send"), "")

    @property
    def name(self) -> str:
        """Full name of the agent (luna, or worker-luna with a tag), or of the program."""
        with _open() as db:
            return self._program or _full(db, self._agent)

    @property
    def info(self) -> Facts:
        """What is known of the agent now.

        Returns:
            Dict with the keys of `hcom list --json`, among them:
                name (str): Full name, with the tag in front where there is one.
                base_name (str): Without the tag: what events and SQL call it.
                session_id (str): The client's own id of its session.
                connected (bool): True for an agent, False for an external session.
                directory (str): Where its client works.
                status (str): active, listening, blocked or inactive.
                transcript_path (str): The file that its client records in.
                parent_name (str): Whose subagent it is, "" for none.
                tool (str): claude, gemini, codex, or adhoc for any other.
                unread (int): How many messages wait for it.
            Of an external session all texts but the name are "".

        Raises:
            HcomError: If the agent has left.
        """
        if self._program:
            nobody = agents.Seen(stored.blank(self._program, "", 0.0), 0)
            return {**agents.facts(nobody, 0.0), "status": "", "connected": False}
        return {**instances(self._agent), "connected": True}

    def send(
        self,
        message: str,
        to: str | None = None,
        intent: str | None = None,
        reply_to: int | str | None = None,
        thread: str | None = None,
    ) -> Receivers:
        """Send a message. It is stored, and on its way, when this returns.

        Args:
            message: The text. @name, @tag-name, @tag (a group) and @bigboss (the person) in it say
                whom it goes to; without any it goes to everyone, a reply to whom it answers.
            to: Whom it goes to; then nobody else, whatever @names the text has. "@name" is put in
                front of the text unless it is there.
            intent: request, inform, ack or error. Who sent a request is told when the one asked
                goes idle, leaves or ends without an answer.
            reply_to: The id of the message this answers: 42, or "42:BOXE". An ack needs it.
            thread: A name for messages that belong together. A reply is in the thread it answers.

        Returns:
            List of the full names of who received it. Its attribute `id` is the message's id.

        Raises:
            HcomError: If it cannot be sent: then nobody has received it.

        Examples:
            s.send("@nova hello")
            s.send("@worker- start", thread="batch-1", intent="request")
            s.send("received", to="luna", intent="ack", reply_to=42)
        """
        text, reply = text_of(message), "" if reply_to is None else str(reply_to)
        about = envelope(intent or "", reply, thread or "")
        mention = f"@{to.lstrip('@')}" if to is not None else ""
        if mention and mention[1:].lower() not in map(str.lower, address.mentions(text)):
            text = f"{mention} {text}"
        with _open() as db:
            sender, now = self._sender(db), time.time()
            return Receivers(talk.send(db, sender, text, mention or text, about, now))

    def messages(self, unread: bool = True, last: int = 20) -> list[Facts]:
        """Messages: those that wait for this agent, which it has then read, or all there are.

        Args:
            unread: True takes what waits for this agent: nobody gets it again, neither the next
                call nor the agent's client. False takes nothing, and shows the messages of all.
            last: At most so many. Of the unread the oldest are taken, and what is more stays
                unread; at most 100 at once.

        Returns:
            List of dicts, the most recent first, with keys:
                id (int): The message's id, for reply_to.
                ts (str): When it was sent: ISO 8601, UTC.
                from (str): Full name of the sender.
                text (str): The text.
                mentions (list[str]): Full names of the agents it names.
                delivered_to (list[str]): Full names of the agents it was sent to.
                intent (str): request, inform, ack or error; None where nothing is said.
                thread (str): The thread's name, or None.
                reply_to (int or str): The id of the message it answers, or None.

        Raises:
            HcomError: If an external session asks for unread messages: nothing is sent to it.
        """
        if last < 1:
            raise UsageError(f"not a number of messages: {last!r}", "last=20")
        with _open() as db:
            if unread:
                own, found = self._own(db, "have unread messages"), []
                if talk.waiting(db, own, time.time()):
                    talk.hand(db, own, 0, lambda leased: found.extend(leased.ids), last)
                came = [event for event in (events.find(db, i) for i in found) if event]
            else:
                wanted = look.where(db, None, {"type": "message"}, 0.0)
                came = look.latest(db, wanted, last)
            return [_message(db, event) for event in reversed(came)]

    def events(
        self, sql: str | None = None, params: Sequence[Any] | None = None, last: int = 20
    ) -> list[Facts]:
        """The newest events: what was sent, done and changed by all agents.

        Args:
            sql: What is wanted: an SQL expression as behind WHERE, or a preset of
                `hcom events sub --help` such as idle:luna. It can only read. None: everything.
            params: The values of the ? in it.
            last: At most so many.

        Returns:
            List of dicts, oldest first, with keys id, ts, type (message, status or life),
            instance (who did it) and data (a dict: the SQL fields below without their first word).

        SQL fields:
            All:      id, timestamp, type, instance
            message:  msg_from, msg_text, msg_thread, msg_intent, msg_reply_to, msg_mentions,
                      msg_delivered_to, msg_scope, msg_sender_kind
            status:   status_val, status_context, status_detail
            life:     life_action, life_by, life_batch_id, life_reason
            Agents stand in events without their tags: s.info["base_name"].

        Examples:
            s.events(sql="type = 'message'")
            s.events(sql="msg_from = ?", params=["nova"])
            s.events(sql="msg_thread = 'task-1'", last=50)
        """
        with _open() as db:
            return [event.as_dict() for event in look.latest(db, _where(db, sql, params), last)]

    def wait(
        self,
        sql: str | None = None,
        params: Sequence[Any] | None = None,
        timeout: float = WAIT_S,
        *,
        after: int | None = None,
    ) -> Facts | None:
        """Block until an event comes that matches; only such as are recorded after the call.

        It sleeps, and costs no CPU. Ctrl-C interrupts it.

        Args:
            sql: As in events(). None: any event.
            params: The values of the ? in it.
            timeout: Seconds to wait (default 60); float("inf") for ever.
            after: An event's or a message's id: what was recorded behind it counts too, so that an
                answer to what was just sent is not missed.

        Returns:
            The event, with the keys of events(); None when none came in time.

        Examples:
            event = s.wait("msg_from = 'nova'", timeout=60)
            event = s.wait("msg_thread = ?", params=["task-1"], timeout=120)
            event = s.wait("idle:nova")
            sent = s.send("@nova is it done?", intent="request")
            answer = s.wait("msg_reply_to = ?", [sent.id], after=sent.id)
        """
        with _open() as db:
            coming = look.coming(db, _where(db, sql, params), timeout, after=after)
            with closing(coming):
                return next((event.as_dict() for event in coming), None)

    def subscribe(self, sql: str, params: Sequence[Any] | None = None, once: bool = False) -> str:
        """Have the agent told by a message, which wakes it, of each event that matches.

        Never of what it does itself. See wait() for what the program itself waits for.

        Args:
            sql: As in events(), also the preset collision.
            params: The values of the ? in it.
            once: Only the first time.

        Returns:
            The subscription's id (sub-a1b2).

        Raises:
            HcomError: If called from an external session: nobody could be told.

        Examples:
            sub_id = s.subscribe("msg_thread = 'task-1'")
            sub_id = s.subscribe("msg_from = ?", params=["nova"], once=True)
        """
        with _open() as db:
            own = self._own(db, "subscribe").name
            where, now = _where(db, sql, params), time.time()
            return watch.subscribe(db.home, db, own, own, where, once, now)[0].id

    def subscriptions(self) -> list[Facts]:
        """The subscriptions of all agents that are on.

        Returns:
            List of dicts with keys id, sql, caller (who is told), once, label (what was asked for),
            by (who made it) and off ("").
        """
        with _open() as db:
            return [one.as_dict() for one in subscriptions.every(db) if not one.off]

    def unsubscribe(self, sub_id: str) -> bool:
        """Remove a subscription of this agent, or one that it made for another.

        Args:
            sub_id: Its id, with or without "sub-".

        Returns:
            True when it is removed, False when there is none.

        Raises:
            HcomError: If it is another agent's.
        """
        known = "sub-" + sub_id.removeprefix("sub-")
        with _open() as db:
            by = self._sender(db).name
            return bool(subscriptions.find(db, known) and look.unsubscribe(db, known, by))

    def transcript(
        self,
        target: str | None = None,
        last: int = 10,
        full: bool = False,
        range: str | None = None,
    ) -> list[Facts]:
        """What an agent was asked and answered.

        Args:
            target: Whose; also one that has left. None: this agent's.
            last: At most so many of the newest exchanges.
            full: With what tools did.
            range: Exchanges by number, from 1: "5-10", "5" or "5-". `last` is not looked at then.

        Returns:
            List of dicts, oldest first, with keys:
                position (int): Its number.
                user (str): What was asked; kind (str) says by whom: user (typed) or hcom.
                assistant (str): All that the agent wrote.
                files (list[str]): The files it edited.
                messages (list[str]): Messages that came while it worked.
                timestamp (str): When it began: ISO 8601, UTC.
                tokens (dict): input and output, where the client records them.
            With full=True also:
                tool_calls (list[dict]): name and input of each tool that was used.
                tool_results (list[dict]): name, result and is_error of each, in the same order.
                tools (list[dict]): Both in one. edits (list[dict]): file and diff.
                errors (list[str]): What went wrong.

        Raises:
            HcomError: If there is no such agent, exchange, or transcript that can be read.

        Examples:
            s.transcript()                      # one's own
            s.transcript("nova", last=5)        # the newest five
            s.transcript("nova", range="1-10")  # the first ten
        """
        asked = exchange.span(range) if range is not None else None
        with _open() as db:
            whose = target or self._own(db, "have a transcript").name
            with transcripts.of(db, whose) as found:
                chosen = found.within(asked) if asked else found.last(last)
                return [_exchange(found.exchange(n, not full), full) for n in chosen]

    def stop(self) -> None:
        """The agent leaves hcom: it receives nothing more and is in no list. Its client goes on.

        Raises:
            HcomError: If called from an external session: it takes no part.
        """
        with _open() as db:
            own = self._own(db, "stop")
            agents.stop(db, [own], own.name, "stopped", time.time())


def session(name: str | None = None, external: bool = False) -> Session:
    """Get a session: in whose name messages are sent, and for whom they are received.

    Args:
        name: An agent's name. None: the agent whose client runs this program. Nobody speaks for
            another: not for an agent whose client runs elsewhere.
        external: If True, `name` is this program's own. It needs no agent, and cannot receive: it
            sends, reads events and transcripts, and waits for events.

    Returns:
        Session

    Raises:
        HcomError: If there is no such agent, it is another session, or no name is known.

    Examples:
        s = hcom.session()                          # the agent that runs this
        s = hcom.session(name="luna")               # one that has no client, as after hcom start
        s = hcom.session(name="ci", external=True)  # a program
    """
    with _open() as db:
        if external:
            return Session("", talk.external(db, name or "").name)
        found = people.speaker(db, people.proven(db, surroundings(os.environ)), name or "")
        if found is None:
            raise HcomError(
                "who are you? No agent of hcom runs this program",
                'hcom.session(name="luna"), or for a program (name="ci", external=True)',
            )
        return Session(found.name, "")


def instances(name: str | None = None) -> Any:
    """List the agents that take part, or get one.

    Args:
        name: A name, with or without tag, or a session's id. None: all.

    Returns:
        If name: dict with the keys of `hcom list --json`, among them name, session_id, status,
            directory, parent_name, tool, base_name, tag, unread (see Session.info)
        If None: list of such dicts, oldest first

    Raises:
        HcomError: If there is no such agent.

    Examples:
        everyone = hcom.instances()
        nova = hcom.instances(name="nova")
    """
    now = time.time()
    with _open() as db:
        if name is not None:
            return agents.facts(agents.one(db, name, now), now)
        here = agents.here(db, now)
        return [agents.facts(seen, now) for seen in here if seen.agent.context != STOPPED]


def launch(
    count: int = 1,
    tool: str = adapters.TOOLS[0],
    tag: str | None = None,
    prompt: str | None = None,
    system_prompt: str | None = None,
    background: bool = False,
    claude_args: str | None = None,
    resume: str | None = None,
    fork: bool = False,
    tool_args: str | None = None,
    cwd: str | None = None,
) -> Facts:
    """Launch agents. It returns once their clients run, or have failed to. What is sent to them
    before they are ready waits for them; hcom events launch BATCH_ID blocks until they are.

    Args:
        count: How many, at most 50.
        tool: claude, gemini or codex.
        tag: Their group: they are called tag-luna, tag-nova, and @tag reaches all.
        prompt: The first prompt of each.
        system_prompt: A system prompt of yours: in place of the client's own, for codex beside it.
        background: If True without a window: hcom term NAME shows their screens. Else each is in
            a new window, tab or pane.
        claude_args: More arguments for claude, as in a shell; other tools do not get them.
        resume: The session id or the name of an agent that has ended: it goes on, under its name,
            with its tool and in its directory.
        fork: If True with resume: a copy of it, under a new name, and the agent itself goes on.
        tool_args: More arguments for whichever tool it is, as in a shell.
        cwd: Where they work. None: here.

    Returns:
        Dict with keys:
            tool (str): claude, gemini or codex.
            batch_id (str): The launch, for events: life_batch_id.
            launched (int): How many run.
            failed (int): How many do not.
            background (bool): Whether they have no window.
            log_files (list[str]): Their logs, where they have no window.
            handles (list[dict]): Of each that runs {"tool": str, "instance_name": str}.
            errors (list[dict]): Of each that does not {"tool": str, "error": str}.
            warnings (list[str]): What a person should know of their hooks.

    Raises:
        HcomError: If the tool is not known or not installed, its hooks cannot be set up, or none
            could be launched.

    Examples:
        hcom.launch(3, tag="worker", prompt="do task")
        hcom.launch(1, tool="gemini", prompt="review code", background=True)
        hcom.launch(1, resume="luna", fork=True)
    """
    home, env = homes.locate(os.environ), dict(os.environ)
    own = {"claude_args": claude_args}.get(f"{tool}_args")
    args = " ".join(filter(None, (own, tool_args)))
    asked = (tag, prompt or "", system_prompt or "", resume or "", fork, cwd or "")
    spec = launching.asked(home, env, tool, args, *asked)
    spec = spec._replace(count=launching.counted(count), headless=background or spec.headless)
    launching.program_of(spec.tool, spec.env)  # before anything is written for it
    warnings = setup.insist_for_launch(home, env, spec.tool, spec.cwd, spec.args)
    batch = launching.elsewhere(home, spec)
    if not batch.agents:
        raise HcomError("not launched: " + "; ".join(batch.errors), f"hcom {spec.tool}")
    return {
        "tool": spec.tool,
        "batch_id": batch.id,
        "launched": len(batch.agents),
        "failed": len(batch.errors),
        "background": spec.headless,
        "log_files": batch.logs,
        "handles": [{"tool": spec.tool, "instance_name": name} for name in batch.agents],
        "errors": [{"tool": spec.tool, "error": why} for why in batch.errors],
        "warnings": warnings,
    }


FUNCTIONS = (session, instances, launch)


def _open():
    """The database; each call has its own, so threads share nothing and a fork inherits none."""
    return open_db(homes.locate(os.environ))


def _full(db, name: str) -> str:
    """The full name of who is called so; a program's is that."""
    agent = stored.find(db, name)
    return agent.display if agent else name


def _where(db, sql: str | None, params):
    """What a call asks for. HcomError."""
    wanted = look.where(db, sql, {}, time.time())
    if odd := [one for one in params or () if not isinstance(one, (str, int, float, type(None)))]:
        raise UsageError(f"not a value for SQL: {odd[0]!r}", "use texts and numbers")
    return wanted._replace(params=[*wanted.params, *(params or ())])


def _message(db, event: events.Event) -> Facts:
    """A message as programs see it."""
    said = event.data
    return {
        "id": event.id,
        "ts": event.timestamp,
        "from": _full(db, said["from"]),
        "text": said["text"],
        "mentions": [_full(db, name) for name in said["mentions"]],
        "delivered_to": [_full(db, name) for name in said["delivered_to"]],
        **{key: said[key] for key in ("intent", "thread", "reply_to")},
    }


def _exchange(one: exchange.Exchange, full: bool) -> Facts:
    """An exchange as programs see it."""
    told = exchange.as_dict(one, full)
    if full:
        told["tool_calls"] = [{"name": t.name, "input": t.input} for t in one.tools]
        told["tool_results"] = [
            {"name": t.name, "result": t.result, "is_error": t.failed} for t in one.tools
        ]
    return told
