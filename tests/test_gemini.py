"""The Gemini CLI adapter by itself: recorded payloads, transcripts and screens in, values out."""

import gzip
import json
import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from hcom.adapters import ADHOC, flags, settings
from hcom.adapters.base import (
    BLOCKED,
    END,
    NOTHING,
    PROMPT,
    START,
    TOOL,
    TURN_END,
    TURN_FAILED,
    Reply,
    size,
)
from hcom.adapters.gemini import hook, launch, policy, setup, transcript
from hcom.adapters.gemini.screen import look
from hcom.adapters.lines import Given
from hcom.bus.agent import Caller
from hcom.errors import HcomError
from hcom.home import Home
from hcom.ops.setup import SAFE
from hcom.pty.screen import Screen

DATA = Path(__file__).parent / "data"
FRAME = "[hcom message #7 from nova · request]\nhello\n[/hcom #7]"


class Agent:
    """As much of an agent as the adapter looks at."""

    def __init__(self, **client):
        self.client = client


def payload(event: str, **changes) -> dict:
    return {**json.loads((DATA / "gemini" / f"{event}.json").read_text()), **changes}


def signal(event: str, env=None, **changes):
    return hook.read(event, payload(event, **changes), env or {}, 99, 1.0)


class Reading(unittest.TestCase):
    def test_kinds(self):
        cancelled = {"llmContent": "<untrusted_context>\nCommand was cancelled by user before it"}
        table: list[tuple[str, dict, str, str]] = [
            ("SessionStart", {}, START, "startup"),
            ("SessionStart", {"source": "resume"}, START, "resume"),
            ("SessionEnd", {}, END, "exit"),
            ("SessionEnd", {"reason": "clear"}, END, "clear"),
            ("BeforeAgent", {}, PROMPT, ""),
            ("BeforeAgent", {"prompt": FRAME}, NOTHING, ""),  # our own turn end comes back
            ("BeforeTool", {"tool_name": "invoke_agent"}, NOTHING, ""),
            ("AfterTool", {}, TOOL, ""),
            (
                "AfterTool",
                {"tool_response": {"llmContent": "x", "error": {"message": "y"}}},
                TOOL,
                "error",
            ),
            ("AfterTool", {"tool_response": cancelled}, TURN_FAILED, "cancelled"),
            (
                "AfterTool",
                {"tool_response": {"llmContent": "said: Command was cancelled by user"}},
                TOOL,
                "",
            ),
            ("AfterTool", {"tool_response": None}, TOOL, ""),
            ("AfterAgent", {}, TURN_END, ""),
            ("Notification", {}, BLOCKED, ""),
        ]
        for event, changes, kind, source in table:
            with self.subTest(event=event, changes=changes):
                found = signal(event, **changes)
                self.assertEqual((found.kind, found.source), (kind, source))

    def test_facts(self):
        found = signal("AfterTool", {"HCOM_PROCESS_ID": "l1", "CLAUDE_PROJECT_DIR": "/x"})
        self.assertEqual(
            (found.session[:8], found.launch, found.pid, found.cwd),
            ("765bf60e", "l1", 99, "/home/dev/proj"),
        )
        self.assertEqual((found.tool, found.edited), ("write_file", ("/home/dev/proj/w.txt",)))
        self.assertEqual(
            signal("AfterTool", tool_response={"error": {}, "llmContent": ""}).edited,
            ("/home/dev/proj/w.txt",),
        )
        failed = signal("AfterTool", tool_response={"error": {"message": "no"}})
        self.assertEqual((failed.edited, failed.command), ((), ""))
        shell = signal("AfterTool", tool_name="run_shell_command", tool_input={"command": "ls"})
        self.assertEqual((shell.detail, shell.command, shell.edited), ("ls", "ls", ()))
        asked = signal("Notification")
        self.assertEqual((asked.tool, asked.detail), ("run_shell_command", "date"))
        self.assertTrue(signal("BeforeAgent", prompt=hook.WAKE_SIGN + "\n").woken)
        self.assertFalse(signal("BeforeAgent").woken)

    def test_what_is_no_payload(self):
        for junk in (None, [], {}, {"session_id": 3}):
            self.assertRaises(ValueError, hook.read, "AfterTool", junk, {}, 1, 1.0)

    def test_a_command_is_run_by_gemini(self):
        env = {"GEMINI_CLI": "1", "HCOM_PROCESS_ID": "x"}
        self.assertEqual(hook.surroundings(env), Caller(launch="x", tool="gemini"))
        tells = os.path.isdir("/proc/self")  # elsewhere nobody tells which process the client is
        vanilla = Caller(pid=os.getppid(), tool="gemini") if tells else Caller(tool=ADHOC)
        self.assertEqual(hook.surroundings({"GEMINI_CLI": "1"}), vanilla)
        self.assertIsNone(hook.surroundings({"GEMINI_API_KEY": "x", "CLAUDE_PROJECT_DIR": "/"}))


class Channels(unittest.TestCase):
    def test_a_subagent_is_bracketed_by_its_call(self):
        call = {"tool_name": "invoke_agent", "tool_input": {"prompt": "x", "agent_name": "g"}}
        begun, ended = signal("BeforeTool", **call), signal("AfterTool", **call)
        ((key, since),) = begun.client["inside"].items()
        self.assertTrue(since)
        self.assertEqual(ended.client, {"inside": {key: None}})
        self.assertEqual(signal("BeforeAgent").client, {"inside": None})
        inner = signal("AfterTool")
        self.assertEqual(inner.client, {})
        self.assertFalse(hook.reaches(inner, Agent(inside={key: since})))
        self.assertTrue(hook.reaches(inner, Agent(inside={})))
        self.assertTrue(hook.reaches(inner, Agent()))

    def test_a_failed_tool_carries_nothing(self):
        self.assertFalse(
            hook.reaches(signal("AfterTool", tool_response={"error": {"a": 1}}), Agent())
        )

    def test_output(self):
        table = [
            ("BeforeAgent", Reply(PROMPT), ""),
            (
                "BeforeAgent",
                Reply(PROMPT, FRAME),
                {
                    "hookSpecificOutput": {
                        "hookEventName": "BeforeAgent",
                        "additionalContext": "\n\n" + FRAME,
                    }
                },
            ),
            ("SessionStart", Reply(START, "text"), ""),  # would be lost on --resume
            ("BeforeAgent", Reply(PROMPT, "", True), {"decision": "block"}),
            (
                "AfterAgent",
                Reply(TURN_END, FRAME + " <b>"),
                {"decision": "block", "reason": FRAME + " <b>", "systemMessage": hook.SHOWN},
            ),
            (
                "AfterTool",
                Reply(TOOL, FRAME),
                {"hookSpecificOutput": {"hookEventName": "AfterTool", "additionalContext": FRAME}},
            ),
        ]
        for event, reply, expected in table:
            with self.subTest(event=event, reply=reply):
                said = hook.write(event, reply)
                said = json.loads(said) if said else ""
                if reply.drop:
                    said.pop("reason")
                self.assertEqual(said, expected)
        said = json.loads(hook.write("AfterTool", Reply(TOOL, "a <b> c")))
        self.assertIn("angle brackets", said["hookSpecificOutput"]["additionalContext"])


def lines(*values) -> str:
    return "".join(json.dumps(v, separators=(",", ":"), ensure_ascii=False) + "\n" for v in values)


def user(key: str, *parts) -> dict:
    return {"id": key, "type": "user", "content": list(parts)}


def typed(text: str) -> dict:
    return {"id": "1", "type": "user", "content": text}


def called(output: str) -> dict:
    """A tool's call in one document, with its result."""
    result = [{"functionResponse": {"response": {"output": output}}}]
    return {"id": "c", "type": "gemini", "content": "", "toolCalls": [{"result": result}]}


def answer(key: str, text: str = "ok") -> dict:
    return {"id": key, "type": "gemini", "content": text}


HEAD = {"sessionId": "s", "kind": "main"}
TICK = {"$set": {"lastUpdated": "2026-11-22T14:00:00Z"}}
CONTEXT = {"text": f"<hook_context>[hcom] You are 'luna'\n\n{FRAME}</hook_context>"}
RESULT = {
    "functionResponse": {
        "response": {
            "output": f"<untrusted_context>\nOutput: x\n\n<hook_context>{FRAME}</hook_context>"
        }
    }
}
CALL = {"id": "c", "type": "gemini", "content": "", "toolCalls": [{"result": [RESULT]}]}
CANCELLED = {"id": "i", "type": "info", "content": "Request cancelled."}
RESET = {"$set": {"messages": [user("0", {"text": "<session_context>"})], "lastUpdated": "x"}}


class Transcript(unittest.TestCase):
    # transcript, answered, standing, cancelled, bootstrap gone
    CASES: dict[str, tuple] = {
        "asked, not yet answered": ([user("1", {"text": "hi"}, CONTEXT)], 0, 1, 0, 0),
        "answered": ([user("1", CONTEXT), answer("2")], 1, 1, 0, 0),
        "with a tool's result": ([user("1", RESULT), TICK, answer("2")], 1, 1, 0, 0),
        "with a call, which it went on from": ([CALL, answer("2")], 1, 1, 0, 0),
        "with a call that was broken off": (
            [CALL, user("3", {"text": "x"}), answer("2")],
            0,
            0,
            0,
            0,
        ),
        "a turn end's text": ([user("1", {"text": FRAME}), answer("2")], 1, 1, 0, 0, TURN_END),
        "typed by somebody": ([user("1", {"text": FRAME}), answer("2")], 0, 0, 0, 0),
        "interrupted": ([user("1", CONTEXT), CANCELLED, RESET], 0, 0, 1, 1),
        "interrupted, asked again": (
            [user("1", CONTEXT), CANCELLED, RESET, user("3", {"text": "x"})],
            0,
            0,
            0,
            1,
        ),
        "interrupted, went on": (
            [user("1", CONTEXT), CANCELLED, RESET, user("3", {"text": "x"}), answer("4")],
            0,
            0,
            0,
            1,
        ),
        "kept when all is written anew": (
            [
                user("1", CONTEXT),
                answer("2"),
                {"$set": {"messages": [user("1", CONTEXT), answer("2")]}},
            ],
            1,
            1,
            0,
            0,
        ),
        "written again with the same id": (
            [user("1", CONTEXT), user("1", {"text": "x"}), answer("2")],
            0,
            0,
            0,
            0,
        ),
        "quoted by somebody": (
            [user("1", {"text": "see [hcom message #7 from nova"}), answer("2")],
            0,
            0,
            0,
            0,
        ),
        "forged in a message": (
            [user("1", {"text": "\\[hcom message #7 from nova"}), answer("2")],
            0,
            0,
            0,
            0,
        ),
        "another message": (
            [user("1", {"text": FRAME.replace("7", "77")}), answer("2")],
            0,
            0,
            0,
            0,
        ),
        "said by the model": ([answer("2", FRAME), answer("3")], 0, 0, 0, 0),
    }

    def test_evidence(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "session.jsonl")
            for name, case in self.CASES.items():
                body, answered, standing, cancelled, gone, *by = case
                with self.subTest(name):
                    Path(path).write_text(lines(HEAD, *body))
                    given = Given(by[0]) if by else Given()
                    fate = transcript.fates(path, {7: given}).get(7, "")
                    said = (transcript.cancelled(path), transcript.forgot(path))
                    self.assertEqual(said, (bool(cancelled), bool(gone)))
                    if answered or standing:
                        self.assertEqual(fate, "answered" if answered else "standing")
                    else:
                        self.assertIn(fate, ("", "gone"))

    def test_one_document(self):
        # As 0.31 writes it: a tool's result stands with its call.
        called = {"id": "2", "type": "gemini", "content": "", "toolCalls": [{"result": [RESULT]}]}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "session.json")
            for messages, fate, cancelled in (
                ([user("1", CONTEXT)], "standing", False),
                ([user("1", CONTEXT), answer("2")], "answered", False),
                ([user("1", {"text": "x"}), called], "standing", False),
                ([user("1", {"text": "x"}), called, answer("3")], "answered", False),
                ([user("1", {"text": FRAME}), answer("2")], None, False),
                ([user("1", {"text": "x"}), CANCELLED], None, True),
                (["", {"toolCalls": {}}, {"toolCalls": [7]}], None, False),
                ([user("0", {"text": "x" * 5_000_000}), user("1", CONTEXT)], "standing", False),
            ):
                Path(path).write_text(json.dumps({**HEAD, "messages": messages}, indent=2))
                given = {7: Given("", size(path) + 1)}  # it was longer once, by more of a text
                with self.subTest(str(messages)[:200]):
                    self.assertEqual(transcript.fates(path, given).get(7), fate)
                    self.assertEqual(transcript.cancelled(path), cancelled)

    def test_one_document_that_marks_nothing(self):
        """As 0.24 to 0.26 write it; what somebody quotes does not end a text, or a file that marks
        what hooks told has it."""
        told = "\n\n[hcom] You are 'luna'\n\n" + FRAME + transcript.ESCAPE_NOTE
        ran = "Command: x\nOutput: {}\nProcess Group PGID: 7"
        by_tool = ran.format("(empty)") + "\n\n" + FRAME
        marked = user("0", {"text": "<hook_context>[hcom] You are 'luna'</hook_context>"})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "session.json")
            for messages, fate in (
                ([typed("x" + told)], "standing"),
                ([typed("x" + told), answer("2")], "answered"),
                ([typed("x"), called(by_tool), answer("3")], "answered"),
                ([typed("x"), called(ran.format("\n\n" + FRAME)), answer("3")], None),
                ([typed(f"see\n\n{FRAME}\nthere"), answer("2")], None),
                ([typed(f"see {FRAME}"), answer("2")], None),
                ([marked, typed("x" + told), answer("2")], None),
                ([marked, called(by_tool), answer("2")], None),
            ):
                Path(path).write_text(json.dumps({**HEAD, "messages": messages}, indent=2))
                with self.subTest(messages):
                    self.assertEqual(transcript.fates(path, {7: Given()}).get(7), fate)

    def test_where_there_is_none(self):
        self.assertFalse(transcript.cancelled("/nowhere"))

    def test_introduced_once_a_session_unless_forgotten(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "session.jsonl")
            Path(path).write_text(lines(HEAD, user("1", CONTEXT)))
            prompt = signal("BeforeAgent", transcript_path=path)
            self.assertFalse(hook.introduced(prompt, Agent()))
            self.assertFalse(hook.introduced(prompt, Agent(told="another")))
            self.assertTrue(hook.introduced(prompt, Agent(told=prompt.session)))
            Path(path).write_text(lines(HEAD, user("1", CONTEXT), CANCELLED, RESET))
            self.assertFalse(hook.introduced(prompt, Agent(told=prompt.session)))


class Screens(unittest.TestCase):
    RECORDED = {
        "idle empty": "cleared refused yolo untrusted unfocused vim shortcuts 256-refused "
        "plain-refused",
        "idle text": "text lines slash bigpaste wake unfocusedtext vimtext 256-slash plain-slash",
        "busy text": "busytext",
        "unknown unknown": "shell",
        "blocked unknown": "exec edit model settings theme resume hooks auth trust trustpanel",
    }
    BESIDE = {
        "idle empty": "idle",
        "idle text": "typed",
        "busy empty": "busy",
        "blocked unknown": "approval trust",
    }

    # Whose boxes look otherwise: older versions, and 0.61.0 with 256 colours and with none.
    OTHERS = ("0.24.0", "0.27.4", "0.30.1", "256", "plain")

    def screen(self, path: Path) -> Screen:
        screen = Screen(100, 30)
        screen.feed(gzip.decompress(path.read_bytes()))
        return screen

    def test_recorded(self):
        places = [
            (DATA / "gemini/screens" / f"{name}.gz", says)
            for says, names in self.RECORDED.items()
            for name in names.split()
        ]
        places += [
            (DATA / "pty" / f"gemini-0.61.0.{name}.gz", says)
            for says, names in self.BESIDE.items()
            for name in names.split()
        ]
        places += [
            (DATA / "gemini/screens" / f"{version}-{names.split()[0]}.gz", says)
            for version in self.OTHERS
            for says, names in self.BESIDE.items()
        ]
        for path, says in places:
            with self.subTest(path.stem):
                found = look(self.screen(path))
                self.assertEqual(f"{found.client} {found.box}", says)

    def test_what_is_typed(self):
        place = DATA / "gemini/screens"
        self.assertEqual(look(self.screen(place / "wake.gz")).typed, hook.WAKE_SIGN)
        for name in ("lines", "256-lines", "plain-lines"):
            found = look(self.screen(place / f"{name}.gz"))
            self.assertEqual(found.typed, "one line\ntwo lines\n\nfour")

    def test_no_prefix_of_a_recording_shows_idle_and_empty_under_a_dialog(self):
        """While a dialog is being drawn the screen may be unclear, but never inviting."""
        for name in ("exec", "edit", "trustpanel", "256-approval", "plain-approval"):
            data = gzip.decompress((DATA / "gemini/screens" / f"{name}.gz").read_bytes())
            begin = data.rfind("✋".encode()) if name != "trustpanel" else data.rfind(b"Modify")
            screen = Screen(100, 30)
            screen.feed(data[:begin])
            for at in range(begin, len(data), 7):
                screen.feed(data[at : at + 7])
                with self.subTest(name, at=at):
                    self.assertNotEqual(look(screen)[:2], ("idle", "empty"))

    def test_a_prompt_that_was_sent_is_no_box(self):
        """In 0.27 it looks like one: the cursor is in the box."""
        screen = self.screen(DATA / "gemini/screens/0.27.4-typed.gz")
        self.assertEqual(look(screen)[:2], ("idle", "text"))
        screen.feed(b"\x1b[30;1H")
        self.assertEqual(look(screen).box, "unknown")

    def test_without_edges_nothing_else_is_taken_for_the_box(self):
        place = DATA / "gemini/screens"
        for drawn, says in (
            (
                "\x1b[9;1H\x1b[K\x1b[10;1H\x1b[K\x1b[7;20H",
                ("idle", "text", "one line\ntwo lines\n\n"),
            ),
            ("\x1b[12;1H\x1b[J\x1b[10;8H", ("idle", "text", "one line\ntwo lines\n\nfour")),
            ("\x1b[12;1H\x1b[J\x1b[7;20H", ("idle", "text", "one line\ntwo lines\n\nfour")),
            ("\x1b[4;1H\x1b[K", ("unknown", "unknown", "")),  # no rule: a prompt that was sent
            ("\x1b[7;1H ! ls", ("unknown", "unknown", "")),
            ("\x1b[2;3H", ("unknown", "unknown", "")),  # the cursor is not in it
        ):
            with self.subTest(repr(drawn)):
                screen = self.screen(place / "256-lines.gz")
                screen.feed(drawn.encode())
                self.assertEqual(tuple(look(screen)), says)

    def test_unknown_means_no(self):
        screen = self.screen(DATA / "pty/gemini-0.61.0.idle.gz")
        screen.title = ""
        self.assertEqual(look(screen).client, "unknown")
        screen = self.screen(DATA / "pty/gemini-0.61.0.idle.gz")
        screen.feed(b"\x1b[7;10H")  # the cursor is not where an empty box has it
        self.assertNotEqual(look(screen).box, "empty")
        screen = Screen(100, 30)
        for drawn in ("", "─" * 100, "\x1b[30;1H" + "─" * 100):
            screen.feed(drawn.encode())
            self.assertEqual(look(screen)[:2], ("unknown", "unknown"))


SAFE_COMMANDS = r"""
hcom list
hcom list --json
hcom send @nova --intent request -- hi there
hcom send @nova -- 'costs $5, see `make`; rm "x" > y && z'
hcom send @nova -- 'it'\''s done'
hcom send @nova -- "two
lines, it's done; really"
hcom events --last 20 2>&1
hcom list 2>/dev/null
hcom config
hcom config tag
hcom --version
hcom send @nova --stdin <<'EOF'
`text` with $(anything) ' in " it
EOF
hcom send @nova --stdin <<EOF
plain 'text', "quoted"
EOF
"""
UNSAFE_COMMANDS = r"""
hcom run x
hcom 1 claude
hcom gemini
hcom stop
hcom kill nova
hcom reset
hcom config tag x
hcom config terminal 'x {script}'
hcom relay set url
hcom hooks remove
hcom listing
hcom
hcomx list
/tmp/hcom list
./hcom list
PATH=. hcom list
 hcom list
hcom list; id
hcom list && id
hcom list | sh
hcom list & id
hcom list; PATH=.; hcom list
hcom list > ~/.bashrc
hcom list >> x
hcom send -- $(id)
hcom send -- "$(id)"
hcom send -- `id`
hcom send -- "`id`"
hcom send -- ${x@P}
hcom send -- $((x[$(id)]))
hcom send -- <(id)
hcom send -- "a\" ; id; \"b"
hcom send -- \
hcom send "a\"b" ; id "c" \"
hcom send --stdin < /etc/passwd
hcom send # 'x
"""
UNSAFE_SCRIPTS = (
    "hcom list\nid",
    "hcom send # '\nPATH=.\nhcom list # '",
    "hcom list\n",
    "hcom send <<'EOF'\nhi\nEOF\nid\nEOF",
    "hcom send <<'EOF'\nEOF\nid\nEOF",
    "hcom send <<EOF\n$(id)\nEOF",
    "hcom send <<EOF\n`id`\nEOF",
    "hcom send <<EOF\nE\\\nOF\nid\nEOF",
    "hcom send <<'EOF' > x\nhi\nEOF",
    "hcom send <<'EOF'; id\nhi\nEOF",
    "hcom run x <<'EOF'\nhi\nEOF",
    "hcom send <<-EOF\n\tEOF\nid\nEOF",
    "hcom send 'a",
    'hcom send -- "a\\\\" ; id; "b"',
)


def commands(text: str) -> list[str]:
    """The lines of a table; one that a quote or a heredoc leaves open goes on to where it ends."""
    return re.findall(r"^.+<<'?EOF'?\n(?:.*\n)*?EOF$|^.*-- \"two\n.*$|^.+$", text, re.MULTILINE)


class Policy(unittest.TestCase):
    def allows(self, command: str, **more) -> bool:
        """What Gemini's engine says: its stable JSON, each member of the call between NULs."""
        given = {"command": command, "description": 'as "command":"hcom list"', **more}
        text = (
            "{"
            + ",".join(
                f"\0{json.dumps(k)}:{json.dumps(given[k], ensure_ascii=False)}\0"
                for k in sorted(given)
            )
            + "}"
        )
        return any(
            re.search(
                p.replace("(?<d>", "(?P<d>")
                .replace("(?<q>", "(?P<q>")
                .replace(r"\k<d>", "(?P=d)")
                .replace(r"\k<q>", "(?P=q)"),
                text,
            )
            for p in policy.patterns(SAFE)
        )

    def test_safe_commands(self):
        for command in commands(SAFE_COMMANDS):
            with self.subTest(command):
                self.assertTrue(self.allows(command))

    def test_nothing_else(self):
        for command in (*commands(UNSAFE_COMMANDS), *UNSAFE_SCRIPTS):
            with self.subTest(command):
                self.assertFalse(self.allows(command))
        self.assertFalse(self.allows("id", dir_path="x", other={"command": "hcom list"}))

    def test_the_client_takes_the_patterns(self):
        for pattern in policy.patterns(SAFE):
            self.assertLess(len(pattern), 2048)
            self.assertNotIn("'", pattern)  # a TOML literal
            # its own test for patterns that could take for ever
            self.assertIsNone(re.search(r"\([^)]*[*+?{].*\)[*+?{]", pattern))

    def test_a_long_command_is_matched_in_no_time(self):
        for text in ("hcom send -- " + "a" * 200_000 + ";", "hcom send -- " + "'a'" * 50_000):
            self.assertFalse(self.allows(text))

    def test_none_allowed(self):
        self.assertEqual(policy.text(()), "")


class Launching(unittest.TestCase):
    def test_the_environment_of_another_session_goes(self):
        env = {
            "GEMINI_CLI": "1",
            "GEMINI_SESSION_ID": "x",
            "GEMINI_PROJECT_DIR": "/",
            "GEMINI_CWD": "/",
            "GEMINI_PLANS_DIR": "/",
            "HCOM_PROCESS_ID": "y",
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_KEY_0": "core.pager",
            "PAGER": "cat",
            "DISPLAY": "",
        }
        kept = {
            "GEMINI_API_KEY": "k",
            "GEMINI_CLI_HOME": "/h",
            "GEMINI_CLI_TRUST_WORKSPACE": "1",
            "GEMINI_SYSTEM_MD": "/m",
            "PATH": "/bin",
            "HCOM_DIR": "/d",
        }
        self.assertEqual(launch.scrubbed({**env, **kept}), kept)
        own = {
            "PAGER": "less",
            "GIT_CONFIG_GLOBAL": "/etc/g",
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "DISPLAY": ":0",
        }
        self.assertEqual(launch.scrubbed(own), own)
        self.assertEqual(launch.scrubbed({"GEMINI_CLI": "1", "DISPLAY": ":0"}), {"DISPLAY": ":0"})

    def test_plan(self):
        session = "f746866b-06be-4034-af1c-88f079a95f01"
        for args, resumes in (
            ([], ""),
            (["--resume", session], session),
            (["-r", session], session),
            ([f"--resume={session}", "hi"], session),
            (["-r"], ""),
            (["--resume", "latest"], ""),
            (["-r", "3"], ""),
            (["-p", session], ""),
            (["-i", "--resume"], ""),
        ):
            with self.subTest(args):
                plan = launch.plan(args, Home("/.hcom", "/"), {}, "/")
                self.assertEqual(
                    (plan.args, plan.resumes, plan.forks, plan.env), (args, resumes, False, None)
                )

    def test_system_prompt(self):
        with tempfile.TemporaryDirectory() as folder:
            home = Home(folder, folder)
            env = {"HCOM_GEMINI_SYSTEM_PROMPT": "be brief ☺"}
            path = launch.plan([], home, env, folder).env["GEMINI_SYSTEM_MD"]
            self.assertEqual(Path(path).read_text(), "be brief ☺")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.assertEqual(launch.plan([], home, env, folder).env["GEMINI_SYSTEM_MD"], path)

    def test_default_arguments(self):
        merged = flags.merged(["--model", "a", "--yolo"], ["-m", "b", "do it"], launch.FLAGS)
        self.assertEqual(merged, ["--yolo", "-m", "b", "do it"])
        self.assertTrue(launch.is_printing(["-p", "x"]))
        self.assertFalse(launch.is_printing(["-i", "x"]))


class Setup(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root, True)
        self.home = Home(os.path.join(self.root, ".hcom"), self.root)
        os.makedirs(os.path.join(self.home.root, "run"))
        self.bin = Path(self.root, "bin")
        self.bin.mkdir()
        self.env = {"HOME": self.root, "PATH": str(self.bin)}
        self.client("0.61.0")
        self.folder = Path(self.root, ".gemini")
        self.settings = self.folder / "settings.json"
        self.rules = self.folder / "policies" / "hcom.toml"
        # the home knows itself for the default one by the process's own HOME
        before = os.environ.get("HOME", "")
        os.environ["HOME"] = self.root
        self.addCleanup(os.environ.__setitem__, "HOME", before)

    def client(self, version: str) -> None:
        package = Path(self.root, "lib", "gemini-cli")
        (package / "bundle").mkdir(parents=True, exist_ok=True)
        (package / "package.json").write_text(
            json.dumps({"name": "@google/gemini-cli", "version": version})
        )
        program = package / "bundle" / "gemini.js"
        program.write_text("#!/bin/sh\nexit 9\n")
        program.chmod(0o755)
        if not (self.bin / "gemini").is_symlink():
            (self.bin / "gemini").symlink_to(program)

    def write(self, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        self.settings.write_bytes(text.encode())

    def files(self, allowed=SAFE, home=None, env=None) -> list:
        return setup.files(home or self.home, env or self.env, allowed, SAFE)

    def add(self, allowed=SAFE) -> bool:
        return settings.put(self.files(allowed))

    def remove(self) -> bool:
        return bool(settings.take(self.files(())))

    def installed(self) -> bool:
        return self.files()[0].installed

    FOREIGN = (
        '{\r\n\t"theme": "x",\r\n\t"hooks": {\r\n\t\t"AfterTool": [{"hooks": [{"command": '
        '"hcom hook mine", "type": "command"}]}]\r\n\t},\r\n\t"last": [ ]\r\n}\r\n'
    )

    def test_there_and_back_byte_for_byte(self):
        for text in (
            "{}",
            "{\n}\n",
            '{"a": 1, "hooks": {}}',
            self.FOREIGN,
            "",
            '{"hooks": {"AfterTool": [{"matcher": "x", "hooks": []}]}, "ü": "\\u00fc"}',
        ):
            with self.subTest(text):
                self.write(text)
                self.assertTrue(self.add())
                self.assertTrue(self.installed())
                self.assertFalse(self.add())
                said = json.loads(self.settings.read_bytes())
                self.assertEqual(len(said["hooks"]["AfterTool"]), 2 + text.count('"AfterTool"'))
                self.assertTrue(self.rules.read_text().startswith(settings.MARK))
                self.assertTrue(self.remove())
                self.assertEqual(self.settings.read_bytes(), text.encode())
                self.assertFalse(self.rules.parent.exists())
                self.assertFalse(self.remove())

    def test_where_nothing_was(self):
        self.add()
        self.assertTrue(self.remove())
        self.assertEqual(list(self.folder.rglob("*")), [])

    def test_what_others_changed_since_stays(self):
        self.write(self.FOREIGN)
        self.add()
        text = self.settings.read_bytes().replace(b'"theme": "x"', b'"theme": "y"')
        self.settings.write_bytes(text)
        self.remove()
        self.assertEqual(
            self.settings.read_bytes(),
            self.FOREIGN.encode().replace(b'"theme": "x"', b'"theme": "y"'),
        )

    def test_an_older_entry_of_ours_is_replaced(self):
        old = {
            "hooks": [
                {
                    "type": "command",
                    "command": "hcom_dir=/old; hcom_on='gemini AfterTool "
                    'now\'; [ -r "$hcom_dir/hook" ] && . "$hcom_dir/hook"',
                }
            ]
        }
        self.write(json.dumps({"hooks": {"AfterTool": [old]}}, indent=2))
        self.assertTrue(self.add())
        self.assertNotIn("/old", self.settings.read_text())
        self.assertTrue(self.installed())

    def test_what_cannot_be_changed_is_left_alone(self):
        for text in (
            '{"a": 1, // why\n}',
            "{'a': 1}",
            "{",
            '["x"]',
            '{"hooks": []}',
            '{"hooks": {"AfterTool": {}}}',
        ):
            with self.subTest(text):
                self.write(text)
                with self.assertRaises(HcomError) as caught:
                    self.add()
                self.assertNotIn("\n", caught.exception.message)
                self.assertEqual(self.settings.read_text(), text)
                self.assertFalse(self.rules.exists())

    @unittest.skipIf(os.geteuid() == 0, "root writes everywhere")
    def test_read_only(self):
        self.write("{}")
        self.settings.chmod(0o400)
        self.assertRaises(HcomError, self.add)

    def test_a_link_is_followed_and_stays(self):
        place = Path(self.root, "dotfiles.json")
        place.write_text("{}")
        self.folder.mkdir()
        self.settings.symlink_to(place)
        self.add()
        self.assertTrue(self.settings.is_symlink())
        self.assertIn("AfterAgent", place.read_text())
        self.remove()
        self.assertTrue(self.settings.is_symlink())
        self.assertEqual(place.read_text(), "{}")

    def test_a_policy_of_somebody_else_stays(self):
        self.rules.parent.mkdir(parents=True)
        self.rules.write_text("# mine\n")
        self.assertRaises(HcomError, self.add)
        self.assertFalse(self.settings.exists())
        self.assertFalse(self.remove())
        self.assertEqual(self.rules.read_text(), "# mine\n")

    def test_without_auto_approval_there_is_no_policy(self):
        self.add()
        self.assertTrue(self.add(()))
        self.assertFalse(self.rules.exists())
        self.assertTrue(self.installed())
        self.assertFalse(self.add(()))

    def test_timeouts_are_milliseconds(self):
        for _, group in self.files()[0].entries:
            self.assertGreaterEqual(group["hooks"][0]["timeout"], 5000)

    def test_places(self):
        elsewhere = {**self.env, "GEMINI_CLI_HOME": "/g"}
        self.assertEqual(
            [file.path for file in self.files(env=elsewhere)],
            ["/g/.gemini/settings.json", "/g/.gemini/policies/hcom.toml"],
        )
        sandbox = Home("/p/.hcom", "/p")
        self.assertEqual(
            [file.path for file in self.files(home=sandbox, env=elsewhere)],
            ["/p/.gemini/settings.json"],
        )

    def test_a_project_is_left_as_it_was(self):
        project = Path(self.root, "project")
        project.mkdir()
        sandbox = Home(str(project / ".hcom"), str(project))
        os.makedirs(os.path.join(sandbox.root, "run"))
        self.assertTrue(settings.put(self.files(home=sandbox)))
        self.assertTrue((project / ".gemini/settings.json").exists())
        self.assertTrue(settings.take(self.files(home=sandbox)))
        self.assertFalse((project / ".gemini").exists())

    def test_versions(self):
        self.client("0.23.4")
        with self.assertRaises(HcomError) as caught:
            self.add()
        self.assertIn("0.23.4", caught.exception.message)
        self.assertIn("0.24 or later", caught.exception.message)
        self.assertFalse(self.settings.exists())
        said = setup.warnings(self.home, self.env, self.root, [])
        self.assertIn("0.24 or later", said)
        self.assertEqual(setup.advice(self.home, self.env, self.root), said)
        for args, by_hand in (([], True), (["-p", "hi"], False)):
            plan = launch.plan(args, self.home, self.env, self.root)
            self.assertEqual("hcom listen 1" in plan.client["wake"], by_hand)
            self.assertEqual(plan.client["lacks"], said)
            self.assertFalse(plan.env)  # it ends over settings that it does not know
        self.client("0.24.0")
        self.assertTrue(self.add())
        self.env["GEMINI_CLI_TRUST_WORKSPACE"] = "true"
        plan = launch.plan([], self.home, self.env, self.root)
        self.assertEqual(plan.client, {"wake": "", "lacks": ""})
        ours = plan.env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"]
        self.assertEqual(json.loads(Path(ours).read_text()), {"hooks": {"enabled": True}})
        self.assertEqual(setup.warnings(self.home, self.env, self.root, []), "")
        self.write('{"hooks": {}}')
        self.env["GEMINI_CLI_SYSTEM_DEFAULTS_PATH"] = str(self.settings)  # of the machine's owner
        plan = launch.plan([], self.home, self.env, self.root)
        self.assertFalse(plan.env)
        self.assertIn("0.26 or later", plan.client["lacks"])
        self.assertEqual(setup.warnings(self.home, self.env, self.root, []), plan.client["lacks"])

    def test_a_client_behind_a_script_is_asked(self):
        (self.bin / "gemini").unlink()
        program = self.bin / "gemini"
        for said, expected in (("echo 0.20.1", (0, 20, 1)), ("echo oops", None), ("exit 1", None)):
            program.write_text(f"#!/bin/sh\n{said}\n")
            program.chmod(0o755)
            with self.subTest(said):
                self.assertEqual(setup.version(self.env), expected)

    def test_a_missing_client(self):
        (self.bin / "gemini").unlink()
        with self.assertRaisesRegex(HcomError, "not installed"):
            self.add()
        self.assertFalse(self.folder.exists())

    def test_trust(self):
        self.folder.mkdir()
        trusted = self.folder / "trustedFolders.json"
        work = Path(self.root, "work", "inner")
        work.mkdir(parents=True)
        table = [
            ({}, {}, False),
            ({str(work): "TRUST_FOLDER"}, {}, True),
            ({str(work.parent): "TRUST_FOLDER"}, {}, True),
            ({str(work.parent): "TRUST_FOLDER", str(work): "DO_NOT_TRUST"}, {}, False),
            ({str(work): "TRUST_PARENT"}, {}, True),
            ({str(work / "below"): "TRUST_FOLDER"}, {}, False),
            ({}, {"GEMINI_CLI_TRUST_WORKSPACE": "true"}, True),
            ({str(work): "TRUST_FOLDER"}, {"GEMINI_CLI_TRUST_WORKSPACE": "false"}, False),
        ]
        for rules, env, expected in table:
            with self.subTest(rules=rules, env=env):
                trusted.write_text(json.dumps(rules))
                said = setup.warnings(self.home, {**self.env, **env}, str(work), [])
                self.assertEqual(not said, expected)
        self.assertEqual(setup.warnings(self.home, self.env, str(work), ["--skip-trust"]), "")
        for version, trusts in (("0.27.4", True), ("0.28.2", False)):
            self.client(version)
            self.write('{"hooks": {"enabled": true}}')
            said = setup.warnings(self.home, self.env, "/elsewhere", [])
            self.assertEqual(not said, trusts, version)
        self.assertEqual(setup.warnings(self.home, self.env, str(work), ["--skip-trust"]), "")
        self.write('{"security": {"folderTrust": {"enabled": false}}}')
        self.assertEqual(setup.warnings(self.home, self.env, str(work), []), "")

    def test_hooks_that_have_to_be_switched_on(self):
        self.client("0.25.0")
        self.add()
        self.assertIn('"enabled": true', setup.advice(self.home, self.env, self.root))
        said = json.loads(self.settings.read_text())
        said["hooks"]["enabled"] = True
        self.write(json.dumps(said))
        self.assertEqual(setup.advice(self.home, self.env, self.root), "")
        self.assertTrue(self.remove())
        self.assertEqual(json.loads(self.settings.read_text()), {"hooks": {"enabled": True}})

    def test_hooks_that_are_switched_off(self):
        self.write("{}")
        self.add()
        self.assertEqual(setup.advice(self.home, self.env, self.root), "")
        said = json.loads(self.settings.read_text())
        self.env["NO"] = "false"
        for config, off in (
            ({"enabled": False}, True),
            ({"disabled": ["hcom"]}, True),
            ({"enabled": "False"}, True),
            ({"enabled": "$NO"}, True),
            ({"enabled": "${NO}"}, True),
            ({"enabled": "$UNSET"}, False),
            ({"enabled": "true"}, False),
            ({"enabled": None}, False),
            ({"disabled": ["other"]}, False),
        ):
            with self.subTest(config):
                self.write(json.dumps({**said, "hooksConfig": config}))
                told = setup.advice(self.home, self.env, self.root)
                self.assertEqual("hooksConfig" in told, off)

    def test_of_several_settings_the_last_says_whether_hooks_run(self):
        work = Path(self.root, "work")
        places = {
            "defaults": Path(self.root, "system-defaults.json"),
            "own": self.settings,
            "folder": work / ".gemini/settings.json",
            "system": Path(self.root, "system.json"),
        }
        env = {**self.env, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
        env["GEMINI_CLI_SYSTEM_SETTINGS_PATH"] = str(places["system"])
        off, on = '{"hooksConfig": {"enabled": false}}', '{"hooksConfig": {"enabled": true}}'
        table = (
            ({"own": off}, "own"),
            ({"own": off, "folder": on}, ""),
            ({"own": on, "folder": off}, "folder"),
            ({"defaults": off, "own": "{}"}, "defaults"),
            ({"defaults": off, "own": on}, ""),
            ({"folder": on, "system": off}, "system"),
        )
        for texts, where in table:
            with self.subTest(texts=texts):
                for name, path in places.items():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(texts.get(name, "{}"))
                said = setup.warnings(self.home, env, str(work), [])
                self.assertEqual(said.endswith(f" {places[where]}") if where else not said, True)


if __name__ == "__main__":
    unittest.main()
