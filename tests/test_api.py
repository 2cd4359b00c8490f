"""The Python API, as a program uses it: what it documents, what it gives; it is a guest."""

import asyncio
import inspect
import math
import os
import re
import signal
import subprocess
import sys
import threading
import unittest
from unittest import mock

import hcom
from hcom import api
from hcom import home as homes
from hcom.cli import help as helps
from hcom.ops import launch as launching
from tests.sealed import ROOT, Home, Sealed
from tests.test_transcripts import Talk

# What the public documentation says: each call's arguments with their defaults, where it has some.
NEEDED = inspect.Parameter.empty
CALLS = {
    "session": {"name": None, "external": False},
    "instances": {"name": None},
    "launch": {
        "count": 1,
        "tool": "claude",
        "tag": None,
        "prompt": None,
        "system_prompt": None,
        "background": False,
        "claude_args": None,
        "resume": None,
        "fork": False,
        "tool_args": None,
        "cwd": None,
    },
    "Session.send": {
        "message": NEEDED,
        "to": None,
        "intent": None,
        "reply_to": None,
        "thread": None,
    },
    "Session.messages": {"unread": True, "last": 20},
    "Session.events": {"sql": None, "params": None, "last": 20},
    "Session.wait": {"sql": None, "params": None, "timeout": 60.0, "after": None},
    "Session.subscribe": {"sql": NEEDED, "params": None, "once": False},
    "Session.subscriptions": {},
    "Session.unsubscribe": {"sub_id": NEEDED},
    "Session.transcript": {"target": None, "last": 10, "full": False, "range": None},
    "Session.stop": {},
}
# And the keys of what comes back, with their types.
INSTANCE = dict.fromkeys(["name", "session_id", "status", "directory", "parent_name", "tool"], str)
INFO = {**INSTANCE, "transcript_path": str, "connected": bool}
MESSAGE = {
    "id": int,
    "ts": str,
    "from": str,
    "text": str,
    "mentions": list,
    "delivered_to": list,
    "intent": (str, type(None)),
    "thread": (str, type(None)),
    "reply_to": (int, type(None)),
}
EVENT = {"id": int, "ts": str, "type": str, "instance": str, "data": dict}
SUBSCRIPTION = {"id": str, "sql": str, "caller": str, "once": bool}
EXCHANGE = {"position": int, "user": str, "assistant": str, "files": list, "timestamp": str}
FULL = {
    **EXCHANGE,
    **dict.fromkeys(["tools", "edits", "errors", "tool_calls", "tool_results"], list),
}
LAUNCH = {
    "tool": str,
    "batch_id": str,
    "launched": int,
    "failed": int,
    "background": bool,
    "log_files": list,
    "handles": list,
    "errors": list,
}
FIELDS = """id timestamp type instance msg_from msg_text msg_thread msg_intent msg_reply_to
    msg_mentions msg_delivered_to status_val status_context status_detail life_action life_by
    life_batch_id"""
WRONG_SQL = (
    "",
    "nonsense = 1",
    "1; DROP TABLE events",
    "1) OR (1",
    "1 -- x",
    "id = ?",
    "load_extension('x')",
    "(SELECT 1 FROM pragma_database_list)",
    "id IN (DELETE FROM events)",
    "'open",
    "nope:luna",
    "idle:nobody",
)


class Api(unittest.TestCase):
    """This process is a program in a home of its own, where luna is an agent without hooks."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        surroundings = mock.patch.dict(os.environ, self.home.env, clear=True)
        surroundings.start()
        self.addCleanup(surroundings.stop)
        self.luna = hcom.session(name=self.home.start())
        self.ci = hcom.session(name="ci", external=True)

    def has(self, told: dict, keys: dict) -> None:
        self.assertLessEqual(keys.keys(), told.keys())
        for key, kind in keys.items():
            self.assertIsInstance(told[key], kind, key)

    def refused(self, why: str, act, *args, **more) -> None:
        with self.assertRaisesRegex(hcom.HcomError, why) as caught:
            act(*args, **more)
        self.assertNotIn("\n", caught.exception.message)
        self.assertTrue(caught.exception.hint)

    def later(self, act) -> None:
        """`act` once somebody waits for events."""
        bells = os.path.join(self.home.hcom_dir, "run", "bells")

        def run():
            self.home.until(lambda: [b for b in os.listdir(bells) if b.startswith("_all.")], "it")
            act()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)


class Documented(unittest.TestCase):
    def test_arguments_and_defaults(self):
        for name, expected in CALLS.items():
            with self.subTest(name):
                given = inspect.signature(self.named(name)).parameters.values()
                found = {one.name: one.default for one in given if one.name != "self"}
                self.assertEqual(list(found.items()), list(expected.items()))

    def test_all_of_it_is_printed_and_typed(self):
        said = helps.api()
        for name, arguments in CALLS.items():
            text = self.section(said, name)
            self.assertEqual(text, inspect.getdoc(self.named(name)))
            for argument in arguments:
                self.assertRegex(text, rf"(?m)^    {argument}: ")
        for name, keys in (
            ("Session.info", INFO),
            ("Session.messages", MESSAGE),
            ("Session.events", EVENT),
            ("Session.subscriptions", SUBSCRIPTION),
            ("Session.transcript", FULL),
            ("instances", INSTANCE),
            ("launch", LAUNCH),
        ):
            text = self.section(said, name)
            self.assertEqual([k for k in keys if not re.search(rf"\b{k}\b", text)], [], name)
        text = self.section(said, "Session.events")
        self.assertEqual([one for one in FIELDS.split() if one not in text], [])
        self.assertTrue(os.path.exists(os.path.join(ROOT, "hcom", "py.typed")))

    def section(self, said: str, name: str) -> str:
        """What is printed of a name, without its heading."""
        return re.split(rf"(?m)^##+ (?:hcom\.)?{name}\b.*\n\n", said)[1].partition("\n\n##")[0]

    def named(self, name: str):
        return vars(api.Session)[name[8:]] if name.startswith("Session.") else vars(api)[name]

    def test_importing_it_loads_nothing(self):
        code = (
            "import sys, hcom; print([m for m in sys.modules if m.startswith('hcom.')]); "
            "print(hcom.HcomError.__module__, hcom.Session.__name__); hcom.nothing"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.stdout, "[]\nhcom.errors Session\n")
        self.assertIn("AttributeError: module 'hcom' has no attribute 'nothing'", done.stderr)


class Sessions(Api):
    def test_whose(self):
        self.assertEqual((self.luna.name, self.ci.name), ("luna", "ci"))
        self.has(self.luna.info, INFO)
        self.has(self.ci.info, INFO)
        self.assertEqual((self.luna.info["connected"], self.ci.info["connected"]), (True, False))
        self.home.said("config", "-i", "luna", "tag", "dev")
        self.assertEqual((self.luna.name, self.luna.info["name"]), ("dev-luna", "dev-luna"))
        self.assertEqual(hcom.session(name="@dev-Luna").name, "dev-luna")

    def test_who_is_nobody(self):
        self.refused("who are you", hcom.session)
        self.refused("no agent 'nobody'", hcom.session, name="nobody")
        self.refused("luna is an agent's name", hcom.session, name="luna", external=True)
        self.refused("reserved", hcom.session, name="bigboss", external=True)
        self.refused("not a sender name", hcom.session, external=True)
        self.refused("no agent 'nobody'", hcom.instances, name="nobody")

    def test_instances(self):
        nova = self.home.start()
        self.assertEqual([one["name"] for one in hcom.instances()], ["luna", nova])
        self.has(hcom.instances()[0], INSTANCE)
        self.has(hcom.instances(name=nova), INSTANCE)

    def test_who_has_left(self):
        self.luna.stop()
        self.assertEqual(hcom.instances(), [])
        for act in (
            lambda: self.luna.info,
            lambda: self.luna.send("x"),
            self.luna.messages,
            lambda: self.luna.subscribe("1"),
            self.luna.stop,
            lambda: hcom.session(name="luna"),
        ):
            self.refused("luna has left", act)
        self.assertEqual(self.luna.name, "luna")

    def test_what_only_an_agent_can(self):
        for act in (
            self.ci.messages,
            lambda: self.ci.subscribe("1"),
            self.ci.stop,
            self.ci.transcript,
        ):
            self.refused("external session cannot", act)


class Messages(Api):
    def test_unread_are_taken_and_others_not(self):
        for number in range(3):
            self.ci.send(f"@luna {number}")
        texts = ["@luna 2", "@luna 1", "@luna 0"]
        shown = self.luna.messages(unread=False)
        self.assertEqual([one["text"] for one in shown], texts)
        self.assertEqual(self.ci.messages(unread=False, last=1), shown[:1])
        self.assertEqual([one["text"] for one in self.luna.messages(last=2)], texts[1:])
        self.assertEqual(self.luna.info["unread"], 1)
        self.assertEqual([one["text"] for one in self.luna.messages()], texts[:1])
        self.assertEqual(self.luna.messages(), [])
        self.refused("not a number", self.luna.messages, last=0)

    def test_what_they_say(self):
        self.home.said("config", "-i", "luna", "tag", "dev")
        asked = self.ci.send("@dev do it", intent="request", thread="t1")
        self.assertEqual(asked, ["dev-luna"])
        [got] = self.luna.messages()
        self.has(got, MESSAGE)
        self.assertEqual(got["id"], asked.id)
        self.assertEqual((got["from"], got["intent"], got["thread"]), ("ci", "request", "t1"))
        self.assertEqual((got["mentions"], got["delivered_to"]), (["dev-luna"], ["dev-luna"]))
        nova = hcom.session(name=self.home.start())
        self.luna.send("hi", to=nova.name)
        [heard] = nova.messages()
        self.assertEqual((heard["from"], heard["text"]), ("dev-luna", f"@{nova.name} hi"))
        for reference in (heard["id"], str(heard["id"])):
            self.assertEqual(nova.send("ok", intent="ack", reply_to=reference), ["dev-luna"])
        self.assertEqual([m["reply_to"] for m in self.luna.messages()], [heard["id"]] * 2)
        self.refused("42:BOXE is not a message", nova.send, "ok", reply_to="42:BOXE")

    def test_to_alone_says_whom(self):
        nova = self.home.start()
        for text in ("see @nobody", "@luna see", "see @LUNA"):
            self.assertEqual(self.ci.send(text, to="@luna"), ["luna"])
        said = [m["text"] for m in self.luna.messages()][::-1]
        self.assertEqual(said, ["@luna see @nobody", "@luna see", "see @LUNA"])
        self.assertEqual(self.ci.send("all"), ["luna", nova])

    def test_what_is_refused(self):
        for why, args, more in (
            ("is empty", (" ",), {}),
            ("no agent @nobody", ("x",), {"to": "nobody"}),
            ("an ack needs", ("@luna x",), {"intent": "ack"}),
            ("not an intent", ("@luna x",), {"intent": "shout"}),
            ("not a message id", ("@luna x",), {"reply_to": "x"}),
            ("#999 is not a message", ("@luna x",), {"reply_to": 999}),
            ("not a thread name", ("@luna x",), {"thread": "a b"}),
            ("control or binary", ("@luna \x1b",), {}),
        ):
            with self.subTest(why):
                self.refused(why, self.ci.send, *args, **more)
        self.assertEqual(self.luna.messages(unread=False), [])


class Events(Api):
    def test_events(self):
        self.ci.send("@luna one", thread="t/1")
        self.ci.send("@luna two")
        sql = "type = 'message' AND msg_from = ?"
        found = self.luna.events(sql, ["ci"])
        self.has(found[0], EVENT)
        self.assertEqual([one["data"]["text"][6:] for one in found], ["one", "two"])
        self.assertEqual(self.ci.events(sql, ["ci"], last=1), found[1:])
        self.assertEqual(self.ci.events("msg_thread = ?", params=("t/1",)), found[:1])
        self.assertEqual(self.ci.events("created:luna")[0]["type"], "life")
        self.assertEqual(self.ci.events()[-2:], found)
        for field in FIELDS.split():
            self.ci.events(f"{field} IS NULL")

    def test_wrong_sql(self):
        for sql in WRONG_SQL:
            with self.subTest(sql):
                self.refused("", self.ci.events, sql)
                self.refused("", self.ci.wait, sql, timeout=30)
                self.refused("", self.luna.subscribe, sql)
        self.refused("not a value for SQL", self.ci.events, "id = ?", [b"x"])
        self.refused("binding", self.ci.events, "id = ?", [1, 2])
        self.refused("collision is for", self.ci.events, "collision")
        self.assertEqual(self.ci.subscriptions(), [self.luna.subscriptions()[0]])

    def test_wait_sees_what_comes_after_its_call(self):
        self.ci.send("@luna before")
        self.later(lambda: self.ci.send("@luna behind"))
        event = self.luna.wait("msg_from = ?", ["ci"], timeout=60)
        self.has(event, EVENT)
        self.assertEqual(event["data"]["text"], "@luna behind")
        self.later(lambda: self.ci.send("@luna more"))
        self.assertEqual(self.ci.wait(timeout=60)["type"], "message")

    def test_wait_behind_what_was_sent(self):
        sent = self.ci.send("@luna go?")
        self.luna.send("yes", to="bigboss", reply_to=sent.id)
        answer = self.ci.wait("msg_reply_to = ?", [sent.id], timeout=60, after=sent.id)
        self.assertEqual(answer["data"]["from"], "luna")

    def test_wait_in_vain(self):
        self.assertIsNone(self.ci.wait("msg_from = 'nova'", timeout=0.1))
        self.assertIsNone(self.ci.wait(timeout=0))

    def test_wait_is_interrupted(self):
        self.later(lambda: os.kill(os.getpid(), signal.SIGINT))
        with self.assertRaises(KeyboardInterrupt):
            self.ci.wait(timeout=math.inf)
        self.assertEqual(os.listdir(os.path.join(self.home.hcom_dir, "run", "bells")), [])

    def test_wait_in_threads_and_tasks(self):
        async def all_of_them():
            waits = [asyncio.to_thread(self.ci.wait, "msg_text = '@luna go'") for _ in range(3)]
            bells = os.path.join(self.home.hcom_dir, "run", "bells")
            send = asyncio.to_thread(
                lambda: (
                    self.home.until(lambda: len(os.listdir(bells)) == 3, "three wait")
                    and self.ci.send("@luna go")
                )
            )
            return await asyncio.gather(send, *waits)

        _, *came = asyncio.run(all_of_them())
        self.assertEqual([one["data"]["text"] for one in came], ["@luna go"] * 3)

    def test_subscriptions(self):
        before = {one["id"] for one in self.luna.subscriptions()}
        made = self.luna.subscribe("msg_from = ?", params=["ci"], once=True)
        self.assertRegex(made, r"^sub-[0-9a-f]{4,6}$")
        [one] = [one for one in self.ci.subscriptions() if one["id"] not in before]
        self.has(one, SUBSCRIPTION)
        self.assertEqual((one["id"], one["caller"], one["once"]), (made, "luna", True))
        self.ci.send("@bigboss look")
        self.home.until(lambda: self.home.notices("luna"), "a notice")
        self.assertFalse(self.luna.unsubscribe(made))
        made = self.luna.subscribe("idle:luna")
        self.refused("a subscription of luna", self.ci.unsubscribe, made)
        self.assertTrue(self.luna.unsubscribe(made.removeprefix("sub-")))
        self.assertFalse(self.luna.unsubscribe(made))


class Transcripts(Sealed):
    def test_what_an_agent_did(self):
        name = self.claude("s1")
        talk = Talk(os.path.join(self.home.root, "s1.jsonl"))
        for number in (1, 2, 3):
            talk.asked(number)
            talk.says(f"answer {number}")
        self.hook("s1", "Stop", transcript_path=str(talk.path))
        with mock.patch.dict(os.environ, self.home.env, clear=True):
            ci = hcom.session(name="ci", external=True)
            shown = ci.transcript(name, last=2)
            self.assertEqual([one["user"] for one in shown], ["prompt 2", "prompt 3"])
            self.assertLessEqual(EXCHANGE.keys(), shown[0].keys())
            self.assertNotIn("tool_calls", shown[0])
            [full] = ci.transcript(name, full=True, range="1")
            self.assertEqual({k for k in FULL if not isinstance(full[k], FULL[k])}, set())
            self.assertEqual([one["name"] for one in full["tool_calls"]], ["Bash"])
            self.assertEqual([one["result"] for one in full["tool_results"]], ["result 1"])
            for act in (
                lambda: ci.transcript(name, range="9"),
                lambda: ci.transcript(name, range="x"),
                lambda: ci.transcript("nobody"),
                lambda: hcom.session(name=name),  # its client runs elsewhere
            ):
                self.assertRaises(hcom.HcomError, act)


class Launches(Api):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.home.run, "kill", "all")
        self.home.program("claude", '[ "$1" = --version ] && exec echo 9.9.9\nexec sleep 60')

    def test_headless(self):
        told = hcom.launch(2, tag="dev", prompt="- do it", background=True, cwd=self.home.work)
        self.has(told, LAUNCH)
        self.assertEqual((told["launched"], told["failed"], told["background"]), (2, 0, True))
        names = [one["instance_name"] for one in told["handles"]]
        self.assertEqual([name[:4] for name in names], ["dev-"] * 2)
        self.assertEqual({hcom.instances(name=n)["directory"] for n in names}, {self.home.work})
        self.assertEqual([path for path in told["log_files"] if not os.path.exists(path)], [])
        self.assertRaises(ChildProcessError, os.waitpid, -1, os.WNOHANG)

    def test_what_the_clients_are_given(self):
        place = homes.locate(os.environ)
        for tool, given, variable in (
            ("claude", ["do it", "--system-prompt", "be brief", "--model", "a b"], ""),
            ("gemini", ["do it", "--model", "a b"], "HCOM_GEMINI_SYSTEM_PROMPT"),
            ("codex", ["do it", "--model", "a b"], "HCOM_CODEX_SYSTEM_PROMPT"),
        ):
            asked = ("--model 'a b'", "dev", "do it", "be brief", "", False, "/tmp")
            spec = launching.asked(place, {}, tool, *asked)
            self.assertEqual((spec.args, spec.cwd, spec.by), (given, "/tmp", "bigboss"))
            told = {variable: "be brief"} if variable else {}
            self.assertEqual(spec.env, {"HCOM_TAG": "dev", **told})
        none = ("", None, "- a list", "", "", False, "")
        spec = launching.asked(place, {}, "claude", *none)
        self.assertEqual((spec.args, spec.cwd, spec.env), ([" - a list"], os.getcwd(), {}))

    def test_without_a_terminal_and_a_session(self):
        told = hcom.launch(tool_args="-p", prompt="x", cwd=self.home.work)
        [name] = [one["instance_name"] for one in told["handles"]]
        self.assertTrue(told["background"])
        self.refused("no session", hcom.launch, resume=name)

    def test_what_is_refused(self):
        for why, more in (
            ("no tool 'nope'", {"tool": "nope"}),
            ("gemini is not installed", {"tool": "gemini"}),
            ("cannot launch 0", {"count": 0}),
            ("cannot launch 51", {"count": 51}),
            ("not a tag", {"tag": "a b"}),
            ("no agent 'nobody'", {"resume": "nobody"}),
            ("do not end", {"tool_args": "'open"}),
            ("no directory", {"cwd": "/nowhere", "background": True}),
        ):
            with self.subTest(why):
                self.refused(why, hcom.launch, **more)
        self.assertEqual([one["name"] for one in hcom.instances()], ["luna"])


# A program with ways of its own, which all that it does with hcom leaves as they are.
HOST = """
import logging, os, signal, sys, threading, time
import hcom
os.register_at_fork(before=lambda: sys.exit("it was forked"))
os.umask(0o027); os.chdir("/"); os.environ["MINE"] = "1"
signal.signal(signal.SIGINT, lambda *_: None); signal.signal(signal.SIGCHLD, lambda *_: None)
logging.basicConfig()
def own():
    umask = os.umask(0); os.umask(umask)
    handlers = {n: signal.getsignal(n) for n in signal.valid_signals()}
    threads = threading.active_count()
    held = {}
    for fd in os.listdir("/dev/fd"):
        try: held[fd] = os.stat(int(fd)).st_ino
        except OSError: pass
    return (umask, os.getcwd(), dict(os.environ), handlers, signal.getitimer(signal.ITIMER_REAL),
            signal.pthread_sigmask(signal.SIG_BLOCK, ()), logging.root.handlers[:], threads,
            held, sys.stdout, sys.stderr, sys.excepthook, os.getpgid(0), os.getsid(0))
def use():
    s, ci = hcom.session(name="luna"), hcom.session(name="ci", external=True)
    s.name, s.info, hcom.instances()
    sub = s.subscribe("msg_from = 'ci'"); ci.send("@luna x", intent="request"); s.messages()
    s.events("length(msg_text) > 0"); s.wait("length(msg_text) > 0", timeout=0.1)
    s.unsubscribe(sub); s.subscriptions()
    for wrong in (lambda: s.events("nope"), lambda: hcom.session("nobody"), s.transcript):
        try: wrong()
        except hcom.HcomError: pass
        else: raise AssertionError(wrong)
before = own()
use()
after = own()
assert before == after, [(a, b) for a, b in zip(before, after) if a != b]
try: os.waitpid(-1, os.WNOHANG)
except ChildProcessError: print("as it was")
"""
FORKS = """
import os, sys, hcom
ci = hcom.session(name="ci", external=True)
ci.send("@luna parent")
for _ in range(2):
    pid = os.fork()
    if not pid:
        ci.send("@luna child"); ci.events("length(msg_text) > 0"); hcom.instances()
        ci.wait("msg_from = 'x'", timeout=0.1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
ci.send("@luna parent")
"""
SENDER = """
import sys, hcom
s = hcom.session(name="p" + sys.argv[1], external=True)
for n in range(int(sys.argv[2])):
    s.send(f"@luna {sys.argv[1]}-{n}")
"""


class Guest(Api):
    def program(self, code: str, *args: str) -> subprocess.Popen:
        """A program that imports hcom."""
        process = subprocess.Popen(
            [sys.executable, "-c", code, *args],
            env={**self.home.env, "PYTHONPATH": ROOT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def said(self, code: str) -> str:
        return self.program(code).communicate(timeout=60)[0]

    def taken(self) -> list[str]:
        """The texts of all that waits for luna."""
        return [m["text"] for came in iter(lambda: self.luna.messages(last=100), []) for m in came]

    def test_a_host_stays_as_it_was(self):
        self.assertEqual(self.said(HOST), "as it was\n")

    def test_it_works_on_behind_a_fork(self):
        self.assertEqual(self.said(FORKS), "")
        self.assertEqual(sorted(self.taken()), ["@luna child"] * 2 + ["@luna parent"] * 2)

    def test_twenty_threads_and_twenty_processes(self):
        count, failed = 50, []

        def send(name: str):
            try:
                session = hcom.session(name="t" + name, external=True)
                for number in range(count):
                    session.send(f"@luna t{name}-{number}")
            except hcom.HcomError as error:
                failed.append(error)

        def held() -> int:
            return len(os.listdir("/dev/fd"))

        threads = [threading.Thread(target=send, args=(str(n),)) for n in range(20)]
        before = held()
        others = [self.program(SENDER, str(n), str(count)) for n in range(20)]
        for thread in threads:
            thread.start()
        got = []
        takers = [threading.Thread(target=lambda: got.extend(self.taken())) for _ in range(3)]
        for taker in takers:  # beside each other, and beside who sends
            taker.start()
        said = [other.communicate(timeout=120)[0] for other in others]
        for thread in (*threads, *takers):
            thread.join(120)
        self.assertEqual((said, failed), ([""] * 20, []))
        got += self.taken()
        wanted = {f"@luna {t}{n}-{i}" for t in ("t", "") for n in range(20) for i in range(count)}
        self.assertEqual((len(got), set(got) ^ wanted), (2000, set()))
        self.assertEqual(held(), before)


if __name__ == "__main__":
    unittest.main()
