"""`hcom relay hf` before a Hub of our own: what it asks, waits for, stores, and never says."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from base64 import b64encode
from typing import Any

from hcom.errors import HcomError
from hcom.relay import hf
from tests import hub as hubs
from tests.hub import COMMIT, CREATE, LOOK, RELAY, STAGE, TOKEN, VERSION, WHO, Hub, committed
from tests.relay import Relay
from tests.rig import clients
from tests.rig.clients import requires
from tests.sealed import Home

RUNS = (200, {"stage": "RUNNING"})
NO_APP = (503, "<html>Your space is starting</html>")


def stages(*names: str) -> "list[Any]":
    return [(200, {"stage": name}) for name in names]


class Case(unittest.TestCase):
    def hub(self) -> Hub:
        found = Hub()
        self.addCleanup(found.close)
        return found

    def set_up(self, hub: Hub, update: bool = False, token: str = TOKEN) -> hf.Space:
        """In this process, with a clock of its own."""
        self.now, self.told, self.lines = 0.0, [], []

        def sleep(seconds: float) -> None:
            self.now += seconds

        def progress(text: str, seconds: int) -> None:
            self.lines.append(text.partition(": ")[2])

        around = hf.Around(lambda: self.now, sleep, self.told.append, progress)
        return hf.set_up({"HF_ENDPOINT": hub.url}, token, update, around)


class Waiting(Case):
    def refused(self, hub: Hub, **more) -> HcomError:
        with self.assertRaises(HcomError) as raised:
            self.set_up(hub, **more)
        self.assertNotIn(TOKEN, f"{raised.exception.message} {raised.exception.hint}")
        return raised.exception

    def test_made_and_filled(self):
        hub = self.hub()
        self.assertEqual(self.set_up(hub).url, hub.url)
        asked = [WHO, LOOK, CREATE, COMMIT, STAGE, STAGE, LOOK, VERSION]
        self.assertEqual([one.what for one in hub.seen], asked)
        self.assertEqual({one.headers["authorization"] for one in hub.seen}, {f"Bearer {TOKEN}"})
        self.assertEqual(
            hub.asked(CREATE)[0].body,
            b'{"name":"hcom-relay","organization":null,"visibility":"private",'
            b'"type":"space","sdk":"docker"}',
        )
        commit = hub.asked(COMMIT)[0]
        self.assertEqual(commit.headers["content-type"], "application/x-ndjson")
        head, *files = [json.loads(line) for line in commit.body.splitlines()]
        self.assertEqual(set(head["value"]), {"summary", "description"})
        self.assertEqual(
            [set(one["value"]) for one in files],
            [{"content", "path", "encoding"}] * len(hf.files("")),
        )
        self.assertEqual(self.lines, ["building"])

    def test_what_is_in_it(self):
        found = hf.files(TOKEN)
        front = found["README.md"].decode().split("---\n")[1]
        self.assertIn("sdk: docker\napp_port: 7860\n", front)
        docker = found["Dockerfile"].decode()
        self.assertIn("--uid 1000", docker)
        self.assertIn(hashlib.sha256(TOKEN.encode()).hexdigest(), docker)
        for content in found.values():
            self.assertNotIn(TOKEN.encode(), content)

    def test_one_that_is_there_is_not_changed(self):
        hub = self.hub()
        hub.script |= {LOOK: [hub.there], STAGE: [RUNS]}
        self.assertEqual(self.set_up(hub).url, hub.url)
        self.assertEqual(hub.asked(CREATE, COMMIT), [])

    def test_one_that_is_there_is_replaced_when_asked(self):
        """And the one before, which answers until the new one runs, is not taken for it."""
        hub = self.hub()
        old, new = RELAY, (200, {**RELAY[1], "boot": "c"})
        stage = stages("RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING", "RUNNING")
        hub.script |= {LOOK: [hub.there], STAGE: stage, VERSION: [old, old, old, new]}
        self.set_up(hub, update=True)
        self.assertEqual(len(hub.asked(COMMIT)), 1)
        self.assertEqual(hub.asked(CREATE), [])
        self.assertEqual(len(hub.asked(VERSION)), 4)
        hub.script[STAGE], hub.script[VERSION] = [RUNS], [new]  # nothing new to build
        self.set_up(hub, update=True)
        self.assertGreaterEqual(self.now, hf.SETTLE_S)

    def test_made_by_another_at_the_same_time(self):
        hub = self.hub()
        hub.script[CREATE] = [(409, {"error": "You already created this space repo"})]
        self.set_up(hub)
        self.assertEqual(hub.asked(COMMIT), [])

    def test_busy_once(self):
        hub = self.hub()
        missing = hub.script[LOOK][0]
        hub.script |= {
            CREATE: [(409, {"error": "busy"}), hub.script[CREATE][0]],
            LOOK: [missing, missing, hub.there],
        }
        self.set_up(hub)
        self.assertEqual(len(hub.asked(COMMIT)), 1)

    def test_a_slow_start(self):
        """No stage counts, known or not, until our own server answers."""
        hub = self.hub()
        hub.script[STAGE] = [
            *stages("NO_APP_FILE", "BUILD_ERROR", "BUILDING", "NEVER_HEARD_OF"),
            (503, "<html>"),
            (429, {"error": "slow down"}),
            RUNS,
        ]
        other = (200, {"hello": "world"})
        hub.script[VERSION] = [NO_APP, NO_APP, (404, {}), other, (401, {"error": "no"}), RELAY]
        self.set_up(hub)
        self.assertEqual(len(hub.asked(VERSION)), 6)

    def test_asleep_it_is_woken_by_a_visit(self):
        hub = self.hub()
        hub.script |= {
            LOOK: [hub.there],
            STAGE: stages("SLEEPING", "RUNNING_APP_STARTING", "RUNNING"),
            VERSION: [NO_APP, RELAY],
        }
        self.set_up(hub)
        self.assertEqual(self.lines, ["sleeping", "running_app_starting"])

    def test_it_is_not_waited_for_without_end(self):
        hub = self.hub()
        hub.script[VERSION] = [NO_APP]
        error = self.refused(hub)
        self.assertIn("says RUNNING, but no relay answers there", error.message)
        self.assertIn("goes on from here", error.hint)
        self.assertLess(self.now, hf.WAIT_S + 5)

    def test_stages_of_which_nothing_comes(self):
        for stage, hint in hf.STUCK.items():
            with self.subTest(stage):
                hub = self.hub()
                why = f"exit code 1: {TOKEN}\x1b[2J {'x' * 110}{TOKEN}"
                hub.script[STAGE] = [(200, {"stage": stage, "errorMessage": why})]
                error = self.refused(hub)
                self.assertIn(f"in the stage {stage}: exit code 1: ****\\x1b[2J", error.message)
                self.assertNotIn(TOKEN[:6], error.message)
                self.assertEqual(error.hint, hint.format(page=f"{hub.url}/spaces/{hubs.SPACE}"))
                self.assertGreaterEqual(self.now, hf.SETTLE_S)

    def test_one_of_another_token(self):
        hub = self.hub()
        hub.script |= {LOOK: [hub.there], STAGE: [RUNS], VERSION: [(401, {"error": "wrong"})]}
        error = self.refused(hub)
        self.assertIn("another token", error.message)
        self.assertIn("--update", error.hint)

    def test_one_that_others_wrote(self):
        hub = self.hub()
        theirs = (200, {"v": 1})
        hub.script |= {LOOK: [hub.there], STAGE: [RUNS], VERSION: [theirs]}
        self.assertEqual((self.set_up(hub).wire, hub.asked(COMMIT)), (1, []))
        hub.script[VERSION] = [*[theirs] * 30, RELAY]  # it goes on until ours is built
        self.assertEqual(self.set_up(hub, update=True).wire, 2)

    def test_nonsense(self):
        for what, said in (
            (WHO, (200, {"name": "../../x"})),
            (WHO, (200, {})),
            (WHO, (200, "<html>")),
            (WHO, (302, {})),
            (LOOK, (200, {"host": "http://example.com"})),
            (LOOK, (200, {"host": "ftp://x"})),
            (COMMIT, (500, {"error": f"it broke with {TOKEN}"})),
            (COMMIT, (413, {"error": "hf_partofatoken"})),
        ):
            with self.subTest(what, said=said):
                hub = self.hub()
                hub.script[what] = [said]
                self.assertNotIn("hf_p", self.refused(hub).message)
                self.assertEqual(hub.asked(VERSION), [])

    def test_a_space_of_the_hub_is_at_its_place(self):
        url = "https://a.hf.space"
        self.assertEqual(hf.place(f"{url}/", hf.HUB), url)
        self.assertEqual(hf.place("http://127.0.0.1:1", "http://127.0.0.1:1"), "http://127.0.0.1:1")
        for host in ("https://evil.example", "http://127.0.0.1:1", "https://hf.space.evil.example"):
            with self.subTest(host), self.assertRaises(HcomError):
                hf.place(host, hf.HUB)

    def test_a_token_that_is_none_is_not_said(self):
        with self.assertRaises(HcomError) as raised:
            hf.Hub({}, "se\ncret", print)
        self.assertNotIn("se", raised.exception.message.split())


class Command(Case):
    """As a person runs it."""

    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def hf(self, hub: Hub, *words: str, env=None, stdin=None):
        given = {"HF_ENDPOINT": hub.url, **({"HF_TOKEN": TOKEN} if env is None else env)}
        return self.home.run("relay", "hf", *words, env=given, stdin=stdin)

    def ready(self) -> Hub:
        hub = self.hub()
        hub.script |= {LOOK: [hub.there], STAGE: [RUNS]}
        return hub

    def config(self) -> str:
        with open(os.path.join(self.home.hcom_dir, "config.env"), encoding="utf-8") as stream:
            return stream.read()

    def leaves_no_trace(self, hub: Hub, done, *, stored: bool) -> None:
        """The token is in config.env, if anywhere."""
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        self.assertEqual(hub.leaks, set())
        found = set()
        for folder, _, names in os.walk(self.home.root):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):  # a link to a database that is not made yet
                    continue
                with open(path, "rb") as stream:
                    found |= {name} if TOKEN.encode() in stream.read() else set()
        self.assertEqual(found, {"config.env"} if stored else set())

    def test_the_server_that_it_puts_there_is_ours(self):
        """What was committed runs alone, where nothing else of hcom is, and takes the token."""
        hub = self.hub()
        running: list[Relay] = []

        def there():
            if not running:
                with tempfile.TemporaryDirectory() as folder:
                    for name, content in committed(hub.asked(COMMIT)[0]).items():
                        with open(os.path.join(folder, name), "wb") as stream:
                            stream.write(content)
                    with open(os.path.join(folder, "Dockerfile"), encoding="utf-8") as stream:
                        env = dict(re.findall(r"^ENV (\w+)=(\w+)$", stream.read(), re.M))
                    argv = ("--host", "127.0.0.1")
                    path = os.path.join(folder, "server.py")
                    running.append(Relay(*argv, env={**env, "SPACE_ID": "x"}, path=path))
                self.addCleanup(running[0].stop)
            return 200, {**hub.there[1], "host": running[0].url}

        hub.script |= {LOOK: [hub.script[LOOK][0], there], STAGE: [RUNS]}
        done = self.hf(hub)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.config(), f"HCOM_RELAY={running[0].url}\nHCOM_RELAY_TOKEN={TOKEN}\n")
        mode = os.stat(os.path.join(self.home.hcom_dir, "config.env")).st_mode
        self.assertEqual(mode & 0o777, 0o600)
        self.assertIn(f"{hub.url}/spaces/ann/hcom-relay is made", done.stderr)
        self.leaves_no_trace(hub, done, stored=True)
        self.home.said("relay", "pull")
        self.assertEqual(running[0].ask("GET", "/version").status, 401)

    def test_a_space_of_wire_1_is_used_as_it_is_but_not_where_all_is_signed(self):
        hub = self.ready()
        hub.script[VERSION] = [(200, {"v": 1})]
        done = self.hf(hub)
        self.assertEqual((done.returncode, done.stdout), (0, f"relay = {hub.url}\n"), done.stderr)
        self.assertIn("It speaks wire 1: no signatures", done.stderr)
        self.assertIn("hcom relay hf --update", done.stderr)
        self.home.said("config", "relay_key", "-", stdin="a-key-of-the-room\n")
        before = self.config()
        done = self.hf(hub)
        self.assertEqual((done.returncode, done.stdout, self.config()), (1, "", before))
        self.assertIn("wire 1, on which nothing can be signed; nothing is set here", done.stderr)
        self.assertEqual(hub.asked(COMMIT), [])

    def test_where_the_token_is_found(self):
        other = "hf_another"
        for name, path in (
            ("default", ".cache/huggingface/token"),
            ("home", "hf/token"),
            ("path", "mine"),
        ):
            whole = os.path.join(self.home.root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="ascii") as stream:
                stream.write(f"hf_of_{name}\n")
        hf_home, hf_path = (os.path.join(self.home.root, one) for one in ("hf", "mine"))
        every = {"HF_HOME": hf_home, "HF_TOKEN_PATH": hf_path}
        for words, stdin, env, wanted in (
            ([], None, {}, "hf_of_default"),
            ([], None, {"HF_TOKEN": " "}, "hf_of_default"),
            ([], None, {"HF_HOME": hf_home}, "hf_of_home"),
            ([], None, every, "hf_of_path"),
            ([], None, {**every, "HF_TOKEN": "hf_of_env"}, "hf_of_env"),
            ([TOKEN], None, {**every, "HF_TOKEN": other}, TOKEN),
            (["-"], f"{TOKEN}\n", {**every, "HF_TOKEN": other}, TOKEN),
        ):
            with self.subTest(wanted, env=env):
                hub = self.ready()
                done = self.hf(hub, *words, env=env, stdin=stdin)
                self.assertEqual(done.returncode, 0, done.stderr)
                said = {one.headers["authorization"] for one in hub.seen}
                self.assertEqual(said, {f"Bearer {wanted}"})
                self.assertIn(f"HCOM_RELAY_TOKEN={wanted}\n", self.config())
                self.assertEqual("shell's history" in done.stderr, words == [TOKEN])
                self.assertEqual(hub.leaks, set())

    def test_no_token(self):
        hub = self.ready()
        done = self.hf(hub, env={"HF_TOKEN_PATH": "/none"})
        self.assertEqual((done.returncode, hub.seen), (1, []))
        self.assertRegex(done.stderr, r"no token of Hugging Face.*hcom relay hf -")

    def test_an_agent_may_not(self):
        hub = self.ready()
        done = self.hf(hub, env={"HF_TOKEN": TOKEN, "GEMINI_CLI": "1"})
        self.assertEqual((done.returncode, hub.seen), (1, []))
        self.assertIn("an agent may not change the relay", done.stderr)

    def test_wrong_use(self):
        hub = self.ready()
        for words in (("a", "b"), ("--update", "a", "--", "b")):
            self.assertEqual(self.hf(hub, *words).returncode, 2)
        self.assertEqual(hub.seen, [])

    def test_refusals_leave_the_settings_as_they_were(self):
        self.home.said("config", "relay", "https://before.example")
        before = self.config()
        table = (
            (WHO, 401, r"does not know the token .*/settings/tokens.*hcom relay hf -\)"),
            (WHO, 429, r"too many requests .*in a few minutes: hcom relay hf\)"),
            (WHO, 500, r"try again: hcom relay hf\)"),
            (CREATE, 402, r"paid plan"),
            (CREATE, 403, r"making the Space ann/hcom-relay: .*write access.*hcom relay hf -\)"),
            (CREATE, 409, r"busy.*in a minute: hcom relay hf\)"),
            (COMMIT, 403, r"putting our files into ann/hcom-relay: .*write access"),
            (COMMIT, 429, r"too many requests"),
            (VERSION, 401, r"another token.*hcom relay hf --update\)"),
            (STAGE, "BUILD_ERROR", r"stage BUILD_ERROR: .*logs=build; then: .*hf --update"),
            (STAGE, "NO_APP_FILE", r"hcom relay hf --update puts our files there"),
            (STAGE, "PAUSED", r"restart it at .*/settings"),
        )
        for what, status, wanted in table:
            with self.subTest(what, status=status):
                hub = self.ready() if what in (VERSION, STAGE) else self.hub()
                hub.script[what] = [(status, {"error": f"no {TOKEN}"})]
                if isinstance(status, str):
                    hub.script[what] = [(200, {"stage": status, "errorMessage": TOKEN})]
                if status == 409:
                    hub.script[LOOK] = hub.script[LOOK][:1]
                done = self.hf(hub)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertRegex(done.stderr.splitlines()[-1], wanted)
                self.assertNotIn("Traceback", done.stderr)
                self.assertEqual(self.config(), before)
                self.leaves_no_trace(hub, done, stored=False)

    def test_without_a_paid_plan_it_says_what_else_there_is(self):
        hub = self.hub()
        hub.script[CREATE] = [(402, {"error": "Docker Spaces need PRO"})]
        said = self.hf(hub).stderr
        for line in ("  hcom relay ssh USER@HOST", "  hcom relay serve --host 0.0.0.0 --tok"):
            self.assertIn(line, said)

    def test_nobody_there(self):
        hub = self.hub()
        hub.close()
        done = self.hf(hub)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no answer", done.stderr)
        self.leaves_no_trace(hub, done, stored=False)

    def test_no_secret_of_the_relay_reaches_a_client(self):
        self.home.said("config", "relay_token", "-", stdin=TOKEN)
        place = os.path.join(self.home.root, "env")
        self.home.stand_in("claude", f'env > "{place}.new"; mv "{place}.new" "{place}"; sleep 60')
        self.addCleanup(self.home.run, "kill", "all")
        self.home.said("claude", "--headless", env={"HCOM_RELAY_TOKEN": TOKEN})
        self.home.until(lambda: os.path.exists(place), "the client runs")
        with open(place, encoding="utf-8") as stream:
            self.assertNotIn(TOKEN, stream.read())


# The same as set_up asks, said by the official library.
LIBRARY = """
import json, sys
from base64 import b64decode
from huggingface_hub import CommitOperationAdd, HfApi
given = json.load(sys.stdin)
api, space = HfApi(), given["space"]
api.whoami()
api.create_repo(space.split("/")[1], repo_type="space", space_sdk="docker", private=True)
files = [CommitOperationAdd(path, b64decode(text)) for path, text in given["files"].items()]
api.create_commit(space, files, commit_message=given["summary"], repo_type="space")
api.space_info(space)
api.get_space_runtime(space)
"""


class Library(Case):
    """Beside the official client of the Hub, which is fetched for this alone."""

    @requires("hub")
    def test_our_requests_are_those_of_the_official_library(self):
        ours, theirs = self.hub(), self.hub()
        self.set_up(ours)

        def regular():
            wanted = json.loads(theirs.seen[-1].body)["files"]
            said = [{"path": one["path"], "uploadMode": "regular"} for one in wanted]
            return 200, {"files": [{**one, "shouldIgnore": False} for one in said]}

        theirs.script |= {
            LOOK: [theirs.there],
            "POST /api/validate-yaml": [(200, {"errors": [], "warnings": []})],
            f"POST {hubs.API}/preupload/main": [regular],
        }
        head = json.loads(ours.asked(COMMIT)[0].body.splitlines()[0])
        files = {path: b64encode(text).decode() for path, text in hf.files(TOKEN).items()}
        given = {"space": hubs.SPACE, "summary": head["value"]["summary"], "files": files}
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", LIBRARY],
                input=json.dumps(given),
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": folder,
                    "HF_HOME": folder,
                    "HF_ENDPOINT": theirs.url,
                    "HF_TOKEN": TOKEN,
                    "HF_HUB_DISABLE_TELEMETRY": "1",
                    "PYTHONPATH": str(clients.folder("hub")),
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        for what in (WHO, CREATE, COMMIT, LOOK, STAGE):
            with self.subTest(what):
                self.assertEqual(said(ours.asked(what)[-1]), said(theirs.asked(what)[-1]))


def said(request: hubs.Request) -> "tuple[Any, ...]":
    """What of a request the Hub goes by."""
    names = ("authorization", "content-type") if request.body else ("authorization",)
    lines = [json.loads(line) for line in request.body.splitlines()]
    return *(request.headers.get(name) for name in names), lines


if __name__ == "__main__":
    unittest.main()
