"""When a message counts as seen: hooks that prove it, and recorded transcripts, for each client."""

import importlib
import json
import os
import sqlite3
import time
import unittest
from typing import NamedTuple

from hcom.adapters.base import PROVEN_BY
from hcom.adapters.lines import Given
from hcom.bus.agent import Caller
from hcom.bus.message import EXTERNAL, Envelope, Sender
from hcom.home import Home as Place
from hcom.hooks import handle
from hcom.hub import mail, people
from hcom.ops import joining
from hcom.store import agents, deliveries
from hcom.store.connect import open_db, transaction
from tests.sealed import ROOT, Home

DATA = os.path.join(ROOT, "tests", "data")
NOTHING, STANDING, ANSWERED, GONE = "", "standing", "answered", "gone"


class Client(NamedTuple):
    """A client's recorded payloads by what they are, and whether its hooks prove anything."""

    tool: str
    start: str
    prompt: str
    tool_end: str
    turn_end: str
    end: str
    hooks_prove: bool = True

    @property
    def hook(self):
        return importlib.import_module(f"hcom.adapters.{self.tool}.hook")

    @property
    def transcript(self):
        return importlib.import_module(f"hcom.adapters.{self.tool}.transcript")

    def recorded(self, name: str) -> list[bytes]:
        path = os.path.join(DATA, self.tool, "transcripts", name + ".jsonl")
        with open(path, "rb") as stream:
            return stream.read().splitlines(keepends=True)


CLIENTS = (
    Client(
        "claude", "SessionStart.resume", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"
    ),
    Client(
        "codex", "SessionStart.resume", "UserPromptSubmit", "PostToolUse.Bash", "Stop", "SessionEnd"
    ),
    Client("gemini", "SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "SessionEnd", False),
)
CLAUDE = CLIENTS[0]


AT, AT_S = "2026-11-27T00:30:00.000Z", 1795739400.0


def is_record(tool: str, line: bytes) -> bool:
    """Whether the line is where the client recorded what the hook told."""
    sign = {
        "claude": b'"type":"hook_additional_context"',
        "codex": b'"role":"developer"',
        "gemini": b'"type":"user"',
    }
    return sign[tool] in line and b"[hcom message #5 " in line


def with_text(tool: str, line: bytes, text: str) -> bytes:
    """The record of another text."""
    record = json.loads(line)
    if tool == "claude":
        record["attachment"]["content"] = [text]
    elif tool == "codex":
        record["payload"]["content"][0]["text"] = text
    else:
        response = record["content"][0]["functionResponse"]["response"]
        response["output"] = f"x\n\n<hook_context>{text}</hook_context>"
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def quotations(tool: str, frame: str) -> list[dict]:
    """Records of one who typed the frame, of a tool that returned it, and of a model's word."""
    if tool == "claude":
        result = {"type": "tool_result", "tool_use_id": "t", "content": f"$ x\n{frame}"}
        said = {"id": "msg_0", "model": "m", "content": [{"type": "text", "text": frame}]}
        return [
            {"type": "user", "uuid": "q", "message": {"content": frame}},
            {"type": "user", "uuid": "q", "message": {"content": [result]}},
            {"type": "assistant", "uuid": "q", "message": said},
            {"type": "attachment", "attachment": {"type": "queued_command", "prompt": frame}},
        ]
    if tool == "codex":
        items = [
            {"type": "message", "role": role, "content": [{"type": "input_text", "text": frame}]}
            for role in ("user", "assistant")
        ]
        outputs = (f"Output:\n{frame}", json.dumps({"output": frame, "metadata": {}}))
        items += [{"type": "function_call_output", "output": output} for output in outputs]
        return [{"type": "response_item", "payload": item} for item in items]
    quoted = f"Output: <hook_context>{frame}</hook_context>\n</untrusted_context>"
    contents: list[dict] = [
        {"text": frame},
        *(
            {"functionResponse": {"response": {"output": "<untrusted_context>\n" + text}}}
            for text in (f"Output: {frame}", quoted)
        ),
    ]
    typed: list[dict] = [{"id": "q", "type": "user", "content": [one]} for one in contents]
    return [*typed, {"id": "q", "type": "gemini", "content": frame}]


class Transcripts(unittest.TestCase):
    """Recordings of real sessions, line by line: what they say of a message as they grow."""

    # what the session was; the message's number; what became of it, each when it changed
    RECORDED = (
        # a tool's hook delivered it while another tool of the same response ran on
        ("claude", "parallel", 5, (NOTHING, STANDING, ANSWERED)),
        ("codex", "parallel", 5, (NOTHING, STANDING, ANSWERED)),
        ("gemini", "parallel", 5, (NOTHING, STANDING, ANSWERED)),
        # Esc before any output: the prompt is taken back, its context too; given again, answered
        ("claude", "taken-back", 10, (NOTHING, STANDING, GONE, STANDING, ANSWERED)),
        ("gemini", "taken-back", 10, (NOTHING, STANDING, GONE, STANDING, ANSWERED)),
        # Esc while the model was asked with a tool's result
        ("claude", "interrupted", 5, (NOTHING, STANDING, ANSWERED)),
        ("codex", "interrupted", 5, (NOTHING, STANDING, ANSWERED)),
        ("gemini", "interrupted", 5, (NOTHING, STANDING, GONE, STANDING, ANSWERED)),
        # with a prompt typed while a tool ran
        ("claude", "queued", 5, (NOTHING, STANDING, ANSWERED)),
    )

    def setUp(self):
        self.world = Home()
        self.addCleanup(self.world.remove)
        self.path = os.path.join(self.world.root, "t.jsonl")

    def write(self, lines: list[bytes]) -> None:
        with open(self.path, "wb") as stream:
            stream.write(b"".join(lines))

    def fate(self, client: Client, lines: list[bytes], number: int, since: int = 0) -> str:
        self.write(lines)
        return client.transcript.fates(self.path, {number: Given("", since)}).get(number, NOTHING)

    def test_recorded(self):
        clients = {client.tool: client for client in CLIENTS}
        for tool, name, number, wanted in self.RECORDED:
            with self.subTest(tool, session=name):
                client, found = clients[tool], []
                lines = client.recorded(name)
                for count in range(len(lines) + 1):
                    fate = self.fate(client, lines[:count], number)
                    found += [fate] * (found[-1:] != [fate])
                self.assertEqual(tuple(found), wanted)
                # what was there before it was handed over is no evidence
                self.assertEqual(self.fate(client, lines, number, 10**9), NOTHING)
                self.assertEqual(self.fate(client, lines, number + 90), NOTHING)

    def test_what_comes_with_the_same_response_or_from_the_client_is_no_answer(self):
        lines = CLAUDE.recorded("parallel")
        calls = [n for n, line in enumerate(lines) if b'"tool_use"' in line]
        first = next(n for n, x in enumerate(lines) if b"#5 " in x and b"_additional_" in x)
        standing = lines[: first + 1]
        self.assertEqual(self.fate(CLAUDE, [*standing, lines[calls[1]]], 5), STANDING)
        answer = next(x for x in lines[first:] if b'"type":"assistant"' in x)
        for spoilt in (
            answer.replace(b'"model":"claude-opus-5-5"', b'"model":"<synthetic>"'),
            answer.replace(b'"isSidechain":false', b'"isSidechain":true'),
            answer.replace(b'"type":"assistant"', b'"isApiErrorMessage":true,"type":"assistant"'),
        ):
            self.assertNotEqual(spoilt, answer)
            self.assertEqual(self.fate(CLAUDE, [*standing, spoilt], 5), STANDING)
        self.assertEqual(self.fate(CLAUDE, [*standing, answer], 5), ANSWERED)

    # The record that a hook's context is in each client's recording, with another text in it.
    QUOTES = (
        # in the middle of a line, as in a message that quotes another
        "[hcom message #6 from ci (not an agent)]\nsee [hcom message #5 from ci\n[/hcom #6]",
        # by another hook, which tells what a tool printed
        "the tool said:\n[hcom message #5 from ci (not an agent)]\nx\n[/hcom #5]",
    )

    def test_what_is_quoted_is_no_evidence(self):
        frame = "[hcom message #5 from ci (not an agent)]\nx\n[/hcom #5]"
        for client in CLIENTS:
            lines = client.recorded("parallel")
            [n] = [n for n, line in enumerate(lines) if is_record(client.tool, line)]
            for text in (*self.QUOTES, frame):
                told = [*lines[:n], with_text(client.tool, lines[n], text), *lines[n + 1 :]]
                wanted = ANSWERED if text == frame else NOTHING
                with self.subTest(client.tool, text=text):
                    self.assertEqual(self.fate(client, told, 5), wanted)
            rest = [line for line in lines if b"[hcom message #5 " not in line]
            for record in quotations(client.tool, frame):
                for printed in (False, True):
                    with self.subTest(client.tool, quoted=str(record)[:60], printed=printed):
                        quoted = [*rest, json.dumps(record).encode() + b"\n", *rest[-9:]]
                        self.write(quoted)
                        given = {5: Given("output" if printed else "tool")}
                        fate = client.transcript.fates(self.path, given).get(5, NOTHING)
                        by_tool = "tool_result" in str(record) or "output" in str(record)
                        marked = "hook_context" in str(record)
                        self.assertEqual(fate != NOTHING, printed and by_tool and not marked)

    def test_what_is_as_old_as_an_earlier_database_is_no_evidence(self):
        for client in CLIENTS:
            lines = []
            for line in client.recorded("parallel"):
                lines.append(json.dumps({**json.loads(line), "timestamp": AT}).encode() + b"\n")
            self.write(lines)
            for later, wanted in ((-5.0, ANSWERED), (0.5, ANSWERED), (5.0, NOTHING)):
                with self.subTest(client.tool, later=later):
                    given = {5: Given("tool", at=AT_S + later)}
                    fate = client.transcript.fates(self.path, given).get(5, NOTHING)
                    self.assertEqual(fate, wanted)

    def test_a_conversation_that_is_written_anew_is_as_old_as_it_was(self):
        client = CLIENTS[2]
        lines = client.recorded("parallel")
        said = [m for m in map(json.loads, lines) if m.get("type") in ("user", "gemini")]
        since = sum(map(len, lines))
        anew = json.dumps({"$set": {"messages": said}}, separators=(",", ":")).encode() + b"\n"
        answer = json.dumps({"id": "x", "type": "gemini", "content": "ok"}).encode() + b"\n"
        self.assertEqual(self.fate(client, [*lines, anew, answer], 5, since), NOTHING)

    def test_a_compaction_behind_a_prompt_that_was_taken_back(self):
        lines = CLAUDE.recorded("taken-back")
        again = next(n for n, x in enumerate(lines) if b"SAY: second answer" in x)
        before = json.loads(lines[again])["parentUuid"]
        edge = {"parentUuid": None, "logicalParentUuid": before, "type": "system",
                "subtype": "compact_boundary", "uuid": "e"}  # fmt: skip
        summary = {"parentUuid": "e", "type": "user", "uuid": "s", "isCompactSummary": True}
        more = [json.dumps(x, separators=(",", ":")).encode() + b"\n" for x in (edge, summary)]
        self.assertEqual(self.fate(CLAUDE, lines[:again], 10), STANDING)
        self.assertEqual(self.fate(CLAUDE, [*lines[:again], *more], 10), GONE)

    def test_where_there_is_none(self):
        for client in CLIENTS:
            for path in ("", "/nowhere", self.world.root):
                self.assertEqual(client.transcript.fates(path, {5: Given()}), {})


class Sessions(unittest.TestCase):
    """Luna's session, of each client: what its hooks print, and how far messages come."""

    def setUp(self):
        self.world = Home()
        self.addCleanup(self.world.remove)
        self.env = {"HOME": self.world.root, "HCOM_DIR": self.world.hcom_dir}
        self.turn = 0

    def session(self, client: Client) -> None:
        """A new bus with one agent, which is such a session."""
        self.turn += 1
        self.home = Place(f"{self.world.hcom_dir}-{self.turn}", self.world.root)
        self.env["HCOM_DIR"] = self.home.root
        self.client = client
        self.db = open_db(self.home)
        self.addCleanup(self.db.connection.close)
        people.join(self.db, client.tool, 1.0, name="luna", session="s1")
        self.old = os.path.join(self.world.root, f"old-{self.turn}.jsonl")
        self.new = os.path.join(self.world.root, f"new-{self.turn}.jsonl")

    def hook(self, name: str, path: str = "", at: float = 0.0, **changes) -> str:
        """What the hook of a recorded payload prints."""
        with open(os.path.join(DATA, self.client.tool, name + ".json"), encoding="utf-8") as stream:
            payload = json.load(stream)
        payload.update(session_id="s1", transcript_path=path or self.old, cwd="/", **changes)
        said, event = [], name.partition(".")[0]
        module, raw = self.client.hook, json.dumps(payload).encode()
        signal = module.read(event, payload, self.env, os.getpid(), at or time.time())
        handle.run(module, self.client.tool, event, signal, raw, self.env, said.append)
        return "".join(said)

    def send(self) -> int:
        return mail.send(self.db, Sender("ci", EXTERNAL), "hi", ["luna"], Envelope(), 1.0).id

    def state(self, number: int) -> str:
        return deliveries.receipts(self.db, number)["luna"]

    def given(self, by: str) -> int:
        """A message that the hook `by` has delivered."""
        number = self.send()
        self.assertIn(f"[hcom message #{number} ", self.hook(by))
        self.assertEqual(self.state(number), "delivered")
        return number

    def record(self, path: str, name: str, as_number: int, number: int, until: str = "") -> None:
        """The transcript is a recorded one, to the line that makes of the message what `until`
        says."""
        frame, mine = b"[hcom message #%d " % as_number, b"[hcom message #%d " % number
        lines = [line.replace(frame, mine) for line in self.client.recorded(name)]
        for count in range(1, len(lines) + 1):
            with open(path, "wb") as stream:
                stream.write(b"".join(lines[:count]))
            if until and self.client.transcript.fates(path, {number: Given()}) == {number: until}:
                return
        self.assertFalse(until)

    def each(self):
        for client in CLIENTS:
            with self.subTest(client.tool):
                self.session(client)
                yield client


class Hooks(Sessions):
    def test_a_tool_beside_it_proves_nothing_the_turns_end_does(self):
        for client in self.each():
            self.hook(client.prompt)
            number = self.given(client.tool_end)
            self.assertNotIn("[hcom message", self.hook(client.tool_end))
            self.assertEqual(self.state(number), "delivered")
            self.hook(client.turn_end)
            self.assertEqual(self.state(number), "seen" if client.hooks_prove else "delivered")

    def test_a_tool_that_ran_for_a_prompt_proves_it(self):
        for client in self.each():
            number = self.given(client.prompt)
            self.hook(client.tool_end)
            self.assertEqual(self.state(number), "seen" if client.hooks_prove else "delivered")

    def test_what_a_turn_end_gave_is_proven_by_what_follows(self):
        for client in self.each():
            for after in (client.tool_end, client.turn_end):
                self.hook(client.prompt)
                number = self.given(client.turn_end)
                self.hook(after)
                self.assertEqual(self.state(number), "seen" if client.hooks_prove else "delivered")

    def test_a_prompt_typed_meanwhile_proves_nothing_and_nothing_proves_what_it_got(self):
        for client in self.each():
            self.hook(client.prompt)
            first = self.given(client.tool_end)
            second = self.given(client.prompt)
            self.assertEqual(self.state(first), "delivered")
            self.hook(client.tool_end)
            self.hook(client.turn_end)
            self.assertEqual([self.state(first), self.state(second)], ["delivered"] * 2)

    def test_the_transcript_proves_at_any_hook(self):
        for client in self.each():
            self.hook(client.prompt)
            number = self.given(client.tool_end)
            self.record(self.old, "parallel", 5, number, STANDING)
            self.hook(client.tool_end)
            self.assertEqual(self.state(number), "delivered")
            self.record(self.old, "parallel", 5, number)
            self.hook(client.tool_end)
            self.assertEqual(self.state(number), "seen")

    def test_a_resumed_session_whose_old_transcript_has_the_answer(self):
        for client in self.each():
            number = self.given(client.tool_end)
            self.record(self.old, "parallel", 5, number)
            self.hook(client.start, self.new, source="resume")
            self.assertEqual(self.state(number), "seen")
            self.assertNotIn(f"#{number} ", self.hook(client.prompt, self.new))

    def test_a_session_of_another_tool_that_takes_the_agent_up(self):
        for client in self.each():
            number = self.given(client.tool_end)
            self.record(self.old, "parallel", 5, number)
            agents.end_session(self.db, "luna", "exit:other", time.time())
            other = next(one.tool for one in CLIENTS if one.tool != client.tool)
            caller = Caller("s2", "", os.getpid(), "", other)
            joining.start(self.db, self.env, caller, None, "luna", time.time())
            self.assertEqual(self.state(number), "seen")

    def test_a_resumed_session_whose_transcripts_have_none_is_shown_it_again(self):
        for client in self.each():
            for until in ("", STANDING):
                number = self.given(client.tool_end)
                if until:
                    self.record(self.old, "parallel", 5, number, until)
                path = self.new + until
                self.hook(client.start, path, source="resume")
                self.assertEqual(self.state(number), "queued")
                self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt, path))
                self.record(path, "parallel", 5, number)
                self.hook(client.turn_end, path)
                self.assertEqual(self.state(number), "seen")

    def test_a_session_in_whose_transcript_an_earlier_message_had_the_number(self):
        for client in self.each():
            number = self.given(client.tool_end)
            self.record(self.new, "parallel", 5, number)
            self.hook(client.start, self.new, source="resume")
            self.assertEqual(self.state(number), "queued")
            self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt, self.new))

    def test_a_session_that_starts_or_ends_is_no_evidence(self):
        for client in self.each():
            for name, changes in (
                (client.start, {"source": "startup"}),
                (client.start, {"source": "clear"}),
                (client.end, {}),
            ):
                number = self.given(client.prompt)
                self.hook(name, **changes)
                self.assertEqual(self.state(number), "queued")
                self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt))
                self.record(self.old, "parallel", 5, number)
                self.hook(client.turn_end)
                self.assertEqual(self.state(number), "seen")
                os.unlink(self.old)

    def test_what_was_taken_back_with_its_prompt_comes_again(self):
        for client in self.each():
            if client.tool == "codex":
                continue  # it keeps the text of a prompt that is interrupted
            self.hook(client.turn_end)
            number = self.given(client.prompt)
            self.record(self.old, "taken-back", 10, number, STANDING)
            if client.tool == "gemini":  # it says so before the next prompt
                self.record(self.old, "taken-back", 10, number, GONE)
                # not by the turn's own end: in an outage it would be asked again and again
                self.assertNotIn(f"#{number} ", self.hook(client.turn_end))
            first = self.hook(client.prompt)
            self.record(self.old, "taken-back", 10, number, GONE)
            again = first or self.hook(client.turn_end)
            self.assertEqual(again.count(f"[hcom message #{number} "), 1)
            self.record(self.old, "taken-back", 10, number)
            self.hook(client.turn_end)
            self.assertEqual(self.state(number), "seen")

    def test_it_is_not_seen_where_the_next_prompts_hook_died(self):
        for client in self.each():
            if client.tool == "codex":
                continue
            self.hook(client.turn_end)
            number = self.given(client.prompt)
            self.record(self.old, "taken-back", 10, number, GONE)
            self.hook(client.tool_end)  # of a prompt that was never told of
            self.assertNotEqual(self.state(number), "seen")
            again = self.hook(client.turn_end) or self.hook(client.prompt)
            self.assertEqual(again.count(f"[hcom message #{number} "), 1)

    def test_what_no_transcript_has_after_an_idle_time_comes_with_the_next_prompt(self):
        for client in self.each():
            number = self.given(client.tool_end)
            with open(self.old, "wb") as stream:
                stream.write(client.recorded("parallel")[0])
            agents.set_status(self.db, "luna", "listening", "interrupted", "", time.time())
            self.assertIn(f"[hcom message #{number} ", self.hook(client.prompt))

    def test_what_began_before_it_or_was_another_session_takes_nothing_back(self):
        for client in self.each():
            began = time.time()
            number = self.given(client.prompt)
            self.hook(client.start, at=began, source="startup")
            self.assertEqual(self.state(number), "delivered")
            with transaction(self.db):
                agents.bind(self.db, "session", "s2", "luna")
            self.hook(client.end)  # of s1, which the client has left
            self.assertEqual(self.state(number), "delivered")

    def test_a_compaction_takes_nothing_back(self):
        self.session(CLAUDE)
        number = self.given(CLAUDE.tool_end)
        self.hook("SessionStart.compact")
        self.assertEqual(self.state(number), "delivered")

    def test_subagents(self):
        self.session(CLAUDE)
        sub = people.join_subagent(self.db, agents.find(self.db, "luna"), "a1", 1.0)

        def given(name: str) -> int:
            sent = mail.send(self.db, Sender("ci", EXTERNAL), "x", [sub.name], Envelope(), 1.0)
            self.assertIn(f"[hcom message #{sent.id} ", self.hook(name, agent_id="a1"))
            return sent.id

        first, last = given("PostToolUse.subagent"), given("PostToolUse.subagent")
        states = [deliveries.receipts(self.db, n)[sub.name] for n in (first, last)]
        self.assertEqual(states, ["delivered"] * 2)
        third = given("SubagentStop")
        states = [deliveries.receipts(self.db, n)[sub.name] for n in (first, last, third)]
        self.assertEqual(states, ["seen", "seen", "delivered"])
        self.hook("PostToolUse.subagent", agent_id="a1")
        self.assertEqual(deliveries.receipts(self.db, third)[sub.name], "seen")

    def test_a_tool_is_never_proof_for_a_tool(self):
        self.assertNotIn("tool", PROVEN_BY["tool"])
        self.assertNotIn("sub_tool", PROVEN_BY["sub_tool"])
        self.assertFalse(
            any({"prompt", "start", "end"} & set(kinds) for kinds in PROVEN_BY.values())
        )


class Delayed(Sessions):
    """What is written to the client, but cannot be noted at once."""

    def test_a_delivery_that_meets_a_lock_is_noted_by_the_recorder(self):
        self.session(CLAUDE)
        self.world.env["HCOM_DIR"] = self.home.root
        number = self.send()
        holder = sqlite3.connect(self.home.db, isolation_level=None)
        self.addCleanup(holder.close)
        event = "PostToolUse"
        with open(os.path.join(DATA, "claude", event + ".json"), encoding="utf-8") as stream:
            payload = {**json.load(stream), "session_id": "s1"}
        signal = CLAUDE.hook.read(event, payload, self.env, os.getpid(), time.time())

        def emit(text):
            self.assertIn(f"#{number} ", text)
            holder.execute("BEGIN IMMEDIATE")

        raw = json.dumps(payload).encode()
        handle.run(CLAUDE.hook, "claude", event, signal, raw, self.env, emit)
        self.assertEqual(self.state(number), "leased")
        holder.execute("ROLLBACK")
        self.world.until(lambda: self.state(number) == "delivered", "noted")
        self.assertEqual(self.hook("Stop"), "")
        self.assertEqual(self.state(number), "seen")
        used = self.db.execute(
            "SELECT count(*) FROM events WHERE data LIKE '%tool:Bash%'"
        ).fetchone()[0]
        self.assertEqual(used, 1)


if __name__ == "__main__":
    unittest.main()
