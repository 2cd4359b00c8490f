"""The bundled workflows, each to its end and to each of its ends, with clients that only answer."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest

from tests.sealed import Sealed

# A client that runs the command which answers, wherever a prompt or a message holds it. WORDS says
# by a pattern in what it is asked what it answers; ODD by one in its prompt what it does instead.
CLIENT = r"""
import json, os, re, subprocess, sys, time
words, odd = (json.loads(os.environ.get(name, "{}")) for name in ("WORDS", "ODD"))
def found(table, text, default):
    return next((said for key, said in table.items() if re.search(key, text)), default)
def answer(text):
    said = found(words, text, "my answer")
    ending = "lgtm" if said == "lgtm" else "TEXT"
    for command in re.findall(rf"`hcom send ([^`]*?)-- {ending}`", text):
        said = said.replace("NAME", next(iter(re.findall(r"## (\w+)", text)), ""))
        subprocess.run(["hcom", "send", *command.split(), "--stdin"], input=said.encode())
prompt = " ".join(sys.argv[1:])
def hook(event, **more):
    given = {"session_id": f"s-{os.getpid()}", "hook_event_name": event, "cwd": os.getcwd(), **more}
    subprocess.run(["hcom", "hook", os.environ["TOOL"], event, str(os.getpid())],
                   input=json.dumps(given).encode(), stdout=subprocess.DEVNULL)
hook("SessionStart", source="startup")
does = found(odd, prompt, "")
while does == "silent":
    time.sleep(60)
if does == "dies":
    sys.exit(3)
if does in ("forgets", "idles"):
    hook("UserPromptSubmit", prompt=prompt)
    hook("Stop")
else:
    answer(prompt)
while True:
    told = subprocess.run(["hcom", "listen", "60"], stdout=subprocess.PIPE, text=True).stdout
    hook("Stop") if does == "idles" else answer(told)
"""


class Workflow(Sealed):
    def setUp(self):
        super().setUp()
        self.present: set[str] = set()
        self.working = False  # whether agents work here whose processes come and go
        self.addCleanup(self.home.run, "kill", "all")
        path = os.path.join(self.home.root, "client.py")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(CLIENT)
        for tool in ("claude", "gemini", "codex"):
            self.home.stand_in(tool, f'TOOL={tool} exec "{sys.executable}" "{path}" "$@"')

    def agent(self) -> str:
        """The name of an agent whose session can be forked."""
        name = self.claude("s1")
        self.hook("s1", "SessionStart", source="startup", transcript_path=self.home.root + "/s1")
        return name

    def run_(self, *args: str, words=(), odd=(), code: int = 0) -> str:
        """What a workflow prints, which ends so and leaves nothing behind."""
        done = self.home.run("run", *args, env=self.told(words, odd), timeout=120)
        self.assertEqual((done.returncode, done.stderr), (code, ""), done.stdout)
        self.assertEqual(self.left(), [])
        return done.stdout

    def told(self, words=(), odd=()) -> dict[str, str]:
        """How the clients are told what to do."""
        return {"WORDS": json.dumps(dict(words)), "ODD": json.dumps(dict(odd))}

    def left(self) -> list:
        """Whom and what a workflow has left behind it: agents, processes, subscriptions."""
        mine = {client.pid for client in self.home.clients.values()}
        return [
            *(name for name in self.home.known() if name not in self.present),
            *(pid for pid in self.home.inmates() if pid not in mine and not self.working),
        ]

    def begun(self, *args: str, words=(), odd=(), until: str) -> subprocess.Popen:
        """A workflow that has sent or launched so far that SQL of events finds something."""
        flow = subprocess.Popen(
            ["hcom", "run", *args],
            env={**self.home.env, **self.told(words, odd)},
            cwd=self.home.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(flow.communicate)
        self.addCleanup(flow.kill)
        self.home.until(lambda: self.home.sql(f"SELECT 1 FROM events_v WHERE {until}"), until, 60)
        return flow

    def messages(self) -> list[str]:
        """The texts of all messages."""
        sql = "SELECT msg_text FROM events_v WHERE type = 'message' ORDER BY id"
        return [text for (text,) in self.home.sql(sql)]

    def workers(self, count: int) -> list[str]:
        """Agents that are here before a workflow, and answer."""
        words = self.told({"Choose": "FOR"})
        before = self.present
        self.home.said(str(count), "claude", "--headless", env=words)
        self.present, self.working = set(self.home.known()), True
        return sorted(self.present - before)

    def heard(self, name: str) -> list[tuple[str, str]]:
        """From whom a message came to `name`, and its text."""
        return self.home.sql(
            "SELECT msg_from, msg_text FROM events_v JOIN deliveries d ON d.event_id = events_v.id "
            "WHERE d.agent = ? AND instance <> 'hcom' ORDER BY events_v.id",
            name,
        )


BEGUN = "msg_text LIKE '% begins, %'"
BEGUN_GLUE = f"{BEGUN} AND (SELECT count(*) FROM events_v WHERE {BEGUN}) = 2"
CREATED = "life_action = 'created' AND instance <> 'luna'"
READY = "life_action = 'ready' AND instance <> 'luna'"


class Clone(Workflow):
    def setUp(self):
        super().setUp()
        self.luna = self.agent()
        self.present = {self.luna}

    def clone(self, *args: str, **more) -> str:
        return self.run_("clone", "--target", self.luna, "--background", *args, "count", **more)

    def test_its_result_comes_to_who_asked(self):
        self.assertRegex(
            self.clone(), r"(?s)^clone: clone-\w+-\w+ \(claude\), for bigboss\n.*my answer"
        )
        done = self.home.within(
            self.clients["s1"], "hcom", "run", "clone", "--background", "x", session="s1"
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        [(sender, text)] = self.heard(self.luna)
        self.assertIn("my answer", text)
        self.assertRegex(done.stdout, rf"clone: clone-\w+-{sender} .* for {self.luna}\n")
        self.assertEqual(self.left(), [])

    def test_one_that_ends_or_never_answers(self):
        for does, why in (("dies", "has ended"), ("silent", "has not answered in 3 s")):
            with self.subTest(does):
                said = self.clone("--timeout", "3", odd={"count": does}, code=1)
                self.assertRegex(said, rf"(?s){why}.*no result of")

    def test_one_whose_turn_ends_without_an_answer(self):
        self.assertIn("my answer", self.clone(odd={"count": "forgets"}))
        [asked] = [text for text in self.messages() if "ended without an answer" in text]
        self.assertIn("count", asked)
        said = self.clone(odd={"count": "idles"}, code=1)
        self.assertRegex(said, r"(?s)has ended its turn twice .*no result of")

    @unittest.skipUnless(os.path.isdir("/proc/self"), "the process is found by /proc")
    def test_one_that_outlives_who_would_end_it(self):
        flow = self.begun(
            *("clone", "--target", self.luna, "--background", "--timeout", "3", "count"),
            odd={"count": "silent"},
            until=READY,
        )
        [keeper] = [pid for pid in self.home.inmates() if "_crew.py" in self.argv(pid)]
        os.kill(keeper, signal.SIGKILL)
        self.assertIn("no result of", flow.communicate(timeout=60)[0])
        self.assertEqual((flow.returncode, self.left()), (1, []))

    def argv(self, pid: int) -> str:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as stream:
            return stream.read()

    def test_however_it_ends(self):
        """By each signal, and also before the client that is being launched is known to run."""
        for moment in (CREATED, READY):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
                with self.subTest(number.name, moment=moment):
                    args = ("clone", "--target", self.luna, "--background", "count")
                    flow = self.begun(*args, odd={"count": "silent"}, until=moment)
                    flow.send_signal(number)
                    said = flow.communicate(timeout=60)[0]
                    self.assertNotIn("Traceback", said)
                    code = -number if number == signal.SIGKILL else 128 + number
                    self.assertEqual(flow.returncode, code)
                    self.home.until(lambda: not self.left(), "nothing is left", 60)
                    self.home.change("DELETE FROM events")

    def test_it_is_kept(self):
        said = self.home.said("run", "clone", "--target", self.luna, "--background", "--keep", "x")
        [name] = [name for name in self.home.known() if name != self.luna]
        self.assertIn(f"-{name} ", said)

    def test_whose(self):
        done = self.home.run("run", "clone", "x")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^clone: whose\?.*\n  hcom run clone --target")
        for args in (("--target", "nobody", "x"), ("--name", "nobody", "x")):
            self.assertRegex(
                self.home.run("run", "clone", *args).stderr, "^clone: no agent 'nobody'"
            )
        self.assertEqual(self.home.run("run", "clone").returncode, 2)


class Confess(Workflow):
    WORDS = {
        "Compare two reports": "VERDICT",
        "Confess, in a report": "MY CONFESSION",
        "from its transcript alone": "CALIBRATION",
    }

    def setUp(self):
        super().setUp()
        self.luna = self.agent()
        self.present = {self.luna}

    def confess(self, *args: str, **more) -> str:
        return self.run_("confess", "--target", self.luna, *args, words=self.WORDS, **more)

    def test_a_verdict_comes_to_the_target(self):
        said = self.confess("--fork", "--task", "the tests")
        self.assertRegex(said, r"(?s)calibrator: .*fork: .*judge: .*VERDICT")
        [(_, verdict)] = self.heard(self.luna)
        self.assertIn("VERDICT", verdict)

    def test_a_target_with_a_tag(self):
        [worker] = self.workers(1)
        self.home.said("config", "-i", worker, "tag", "dev")
        said = self.run_("confess", "--target", f"dev-{worker}", words={"Compare": "VERDICT"})
        self.assertIn("VERDICT", said)
        heard = [text for _, text in self.heard(worker)]
        self.assertEqual([text.split()[0] for text in heard], ["@" + worker, "VERDICT"])
        args = ("confess", "--target", "nobody")
        self.assertRegex(self.home.run("run", *args).stderr, "^confess: no agent 'nobody'")

    def test_whoever_fails(self):
        silent = ("--timeout", "4")
        self.assertIn("VERDICT", self.confess(*silent))  # luna does not answer
        self.assertIn("VERDICT", self.confess("--fork", odd={"transcript alone": "dies"}))
        self.assertIn("nobody has sent", self.confess(*silent, odd={"Write": "silent"}, code=1))
        said = self.confess("--fork", odd={"Compare": "dies"}, code=1)
        self.assertRegex(said, "(?s)no verdict.*MY CONFESSION")


class Debate(Workflow):
    def debate(self, *args: str, **more) -> str:
        return self.run_("debate", "tabs are better", *args, **more)

    def test_new_debaters_of_all_tools(self):
        context = os.path.join(self.home.root, "facts.md")
        open(context, "w").close()
        words = {
            "judge, on no side": "VERDICT",
            "argue FOR": "PRO-TEXT",
            "argue AGAINST": "CON-TEXT",
        }
        args = ("--spawn", "--rounds", "1", "--context", context)
        said = self.debate(*args, "--tool", "claude,gemini,codex", words=words)
        order = r"(?s)FOR: .*\(claude\).*AGAINST: .*\(gemini\).*judge: .*\(codex\).*VERDICT"
        self.assertRegex(said, order)
        asked = [text for text in self.messages() if "Round 1 of 1" in text]
        self.assertEqual([("PRO-TEXT" in t, "CON-TEXT" in t) for t in asked], [(True, True)] * 2)
        self.assertIn(context, asked[0])
        threads = self.home.sql("SELECT DISTINCT msg_thread FROM events_v WHERE type = 'message'")
        self.assertEqual(len(threads), 1)

    def test_workers_choose_their_sides(self):
        workers = self.workers(2)
        said = self.debate("--workers", ",".join(workers), "--rounds", "0", words={"Choose": "FOR"})
        self.assertRegex(said, rf"FOR: {workers[0]}\nAGAINST: {workers[1]}\njudge: ")
        for name in workers:
            self.assertIn("my answer", self.heard(name)[-1][1])  # the verdict

    def test_whoever_fails(self):
        quick = ("--spawn", "--timeout", "4")
        said = self.debate(*quick, odd={"argue AGAINST": "silent"})
        self.assertRegex(said, r"(?s)has not answered in 4 s.*judge: .*my answer")
        self.assertIn("has not answered in 4 s", "".join(self.messages()))
        self.assertIn("nobody has said", self.debate(*quick, odd={"argue": "silent"}, code=1))
        self.assertIn("no verdict", self.debate(*quick, odd={"judge": "dies"}, code=1))

    def test_what_is_refused(self):
        for why, args in (
            ("one of the arguments --spawn --workers", ()),
            ("no file 'nope'", ("--spawn", "--context", "nope")),
            ("no agent 'nobody'", ("--workers", "nobody")),
        ):
            self.assertIn(why, self.home.run("run", "debate", "x", *args).stderr)


class Ensemble(Workflow):
    def ensemble(self, *args: str, **more) -> str:
        return self.run_("ensemble", "add", "--agents", "2", "--rounds", "1", *args, **more)

    def test_the_winner_is_written(self):
        words = {"Which of these": "I take NAME: it", "Round 1": "REFINED", "Solve": "FIRST"}
        folder = os.path.join(self.home.root, "out")
        said = self.ensemble("--dir", folder, "--tool", "gemini,codex", words=words)
        self.assertRegex(said, r"(?s)solver: .*\(gemini\).*solver: .*\(codex\).*judge: .*REFINED")
        asked = [text for text in self.messages() if "Round 1 of 1" in text]
        self.assertEqual([text.count("FIRST") for text in asked], [1, 1])
        self.assertEqual(len(os.listdir(folder)), 3)
        with open(os.path.join(folder, "winner.md"), encoding="utf-8") as stream:
            self.assertIn("REFINED", stream.read())

    def test_without_a_judge(self):
        self.assertEqual(self.ensemble("--no-judge").count("my answer"), 2)

    def test_whoever_fails(self):
        silent = ("--timeout", "4")
        self.assertIn("nobody has sent", self.ensemble(*silent, odd={"Solve": "silent"}, code=1))
        said = self.ensemble(*silent, odd={"Which of these": "silent"}, code=1)
        self.assertRegex(said, "(?s)(my answer.*){2}named no winner")


class Background(Workflow):
    """Workflows that wait for turns of others; the turns are a hook's, as a client ends one."""

    def setUp(self):
        super().setUp()
        self.luna = self.agent()
        self.present = {self.luna}

    def turn(self) -> None:
        self.hook("s1", "UserPromptSubmit", prompt="go on")
        self.hook("s1", "Stop")

    def lines(self, flow, *patterns: str) -> None:
        """What the workflow prints next."""
        for pattern in patterns:
            self.assertRegex(flow.stdout.readline(), pattern)

    def ended(self, flow, code: int) -> None:
        flow.send_signal(signal.SIGINT)
        flow.communicate(timeout=60)
        self.assertEqual((flow.returncode, self.left()), (code, []))

    def test_a_watcher_reviews_each_turn(self):
        words = {"You review": "lgtm"}
        flow = self.begun("watcher", "--target", self.luna, words=words, until=BEGUN)
        self.lines(flow, "waits for turns of luna")
        for expected in (("reviewer: ", "^lgtm$"), ("^lgtm$",)):
            self.turn()
            self.lines(flow, *expected)
        self.assertEqual(self.heard(self.luna), [])
        self.ended(flow, 130)

    def test_findings_go_to_the_watched_also_while_it_works(self):
        flow = self.begun("watcher", "--target", self.luna, "--once", "--active", until=BEGUN)
        self.command("s1", "make")
        self.assertIn("my answer", flow.communicate(timeout=60)[0])
        self.assertIn("my answer", self.heard(self.luna)[0][1])
        self.assertEqual((flow.returncode, self.left()), (0, []))

    def test_who_ends_ends_the_watcher(self):
        flow = self.begun("watcher", "--target", self.luna, until=BEGUN)
        self.home.said("stop", self.luna)
        self.assertIn("luna has ended", flow.communicate(timeout=60)[0])
        self.assertEqual(flow.returncode, 0)
        said = self.home.run("run", "watcher", "--target", "nobody").stderr
        self.assertRegex(said, "^watcher: no agent 'nobody'")

    def test_glue_tells_each_thing_once(self):
        words = {"You see to it": "luna: nova edits a.py\n- luna: Nova edits a.py!\nnobody: hi"}
        said = self.run_("glue", "--focus", "files", words=words)
        self.assertRegex(said, r"(?s)glue: .*\n@luna nova edits a.py\n.*no agent @nobody")
        self.assertEqual([text for _, text in self.heard(self.luna)], ["@luna nova edits a.py"])
        flow = self.begun("glue", "--watch", words=words, until=BEGUN_GLUE)
        for expected in (("glue: ", "@luna nova", "no agent @nobody"), ("no agent @nobody",)):
            self.turn()
            self.lines(flow, *expected)
        self.ended(flow, 130)


class Documented(Workflow):
    def test_each_script_of_the_docs_runs(self):
        said = self.home.said("run", "docs", "--api")
        asks, launches = re.findall(r"```python\n(.*?)```", said, re.DOTALL)
        folder = os.path.join(self.home.hcom_dir, "scripts")
        os.makedirs(folder)
        for name, text in (("ask", asks), ("pair", launches)):
            with open(os.path.join(folder, f"{name}.py"), "w", encoding="utf-8") as stream:
                stream.write(text)
        pair = self.run_("pair", "Count.").splitlines()
        self.assertEqual([line.split(maxsplit=1)[1] for line in pair], ["my answer"] * 2)
        pair = self.run_("pair", "Count.", odd={"Count": "dies"}).splitlines()
        self.assertEqual([line.split(maxsplit=1)[1] for line in pair], ["has ended"] * 2)
        [worker] = self.workers(1)
        self.assertEqual(self.run_("ask", worker, "Why?"), "my answer\n")
        done = self.home.run("run", "ask", "nobody", "Why?")
        self.assertRegex(done.stderr, "^no agent 'nobody'")
        listed = self.home.said("run")
        self.assertIn("ask              Ask an agent something, and print its answer.", listed)

    def test_a_copy_of_a_bundled_one_works(self):
        folder = os.path.join(self.home.hcom_dir, "scripts")
        os.makedirs(folder)
        with open(os.path.join(folder, "my_own.py"), "w", encoding="utf-8") as stream:
            stream.write(self.home.said("run", "ensemble", "--source"))
        said = self.run_("my_own", "add", "--agents", "1")
        self.assertRegex(said, r"(?s)solver: my-own-\w+-\w+ .*my answer")
        for wrong in ("0", "-1", "nan", "x"):
            done = self.home.run("run", "my_own", "add", "--timeout", wrong)
            self.assertIn(f"invalid seconds value: '{wrong}'", done.stderr)

    def test_the_bundled_say_what_they_take(self):
        for name in ("clone", "confess", "debate", "ensemble", "watcher", "glue"):
            shown = self.home.said("run", name, "--help")
            for option in ("--name", "--tool", "--timeout", "--keep"):
                self.assertIn(option, shown)
            self.assertIn(f"- {name}: ", self.home.said("run", "docs", "--api"))
            self.assertIn("_crew.run(work, parser)", self.home.said("run", name, "--source"))


if __name__ == "__main__":
    unittest.main()
