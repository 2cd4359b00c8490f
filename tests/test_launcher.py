"""The installed hook command under dash and bash, as a client runs it: processes counted, payloads
whole, and silence whatever is gone."""

import functools
import json
import os
import re
import subprocess
import sys
import unittest

from hcom.adapters import launcher
from hcom.home import locate
from tests.sealed import ROOT, Home
from tests.test_hooks import sample

SHELLS = [path for path in ("/bin/dash", "/bin/bash", "/bin/zsh") if os.path.exists(path)]
# Process ids in a fresh namespace are sequential: what lies between two probes is what was started.
COUNT = """
before=$(sh -c 'echo $$'); "$1" -c "$2" <"$3" >"$4" 2>&1; code=$?; after=$(sh -c 'echo $$')
echo $((after - before - 2)) $code
"""


@functools.cache
def counting() -> tuple[str, ...]:
    """The prefix that gives a process-id namespace; empty where there is none to be had."""
    for prefix in (
        ("unshare", "--pid", "--fork"),
        ("unshare", "--user", "--map-root-user", "--pid", "--fork"),
    ):
        try:
            if not subprocess.run([*prefix, "true"], capture_output=True, timeout=20).returncode:
                return prefix
        except FileNotFoundError:
            break
    return ()


class Installed(unittest.TestCase):
    """hcom's hooks in a client's settings, and agent luna of session s1."""

    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.remove)
        cls.install(cls.home)

    @staticmethod
    def install(home, **env) -> None:
        home.program("claude", "echo 2.1.332")
        home.said("hooks", "add", "claude", env=env)

    def setUp(self):
        self.env = {**self.home.env, "CLAUDE_CODE_SESSION_ID": "s1"}
        claude = {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_SESSION_ID": "s1",
            "CLAUDE_PID": "0",
            "CLAUDE_CONFIG_DIR": os.path.join(self.home.root, ".claude"),
        }
        self.name = re.search(r"'(\w+)'", self.home.said("start", env=claude))[1]
        self.addCleanup(self.home.said, "stop", self.name)
        self.run_ = os.path.join(self.home.hcom_dir, "run")

    def command(self, event: str, root: str = "") -> str:
        """The command that settings.json has for an event, the first one."""
        with open(
            os.path.join(root or self.home.root, ".claude", "settings.json"), encoding="utf-8"
        ) as stream:
            return json.load(stream)["hooks"][event][0]["hooks"][0]["command"]

    def hook(self, shell: str, event: str, payload: dict | bytes, command: str = "", **env):
        """Exit code, stdout and stderr of the hook, run as a client runs it."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        done = subprocess.run(
            [shell, "-c", command or self.command(event)],
            input=raw,
            timeout=60,
            env={**self.env, **env},
            capture_output=True,
            cwd=self.home.work,
        )
        return done.returncode, done.stdout, done.stderr

    def count(self, shell: str, event: str, payload: dict, command: str = "", **env) -> int:
        """How many processes the hook starts beyond the client's own shell; it says nothing."""
        if not counting():
            self.skipTest("no process-id namespace to be had")
        given, said = (os.path.join(self.home.root, name) for name in ("payload", "said"))
        with open(given, "w", encoding="utf-8") as stream:
            json.dump(payload, stream)
        done = subprocess.run(
            [
                *counting(),
                "/bin/sh",
                "-c",
                COUNT,
                "sh",
                shell,
                command or self.command(event),
                given,
                said,
            ],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertRegex(done.stdout, r"\A\d+ 0\n\Z", done)
        self.assertEqual(os.path.getsize(said), 0)
        return int(done.stdout.split()[0])

    def recorded(self) -> list[str]:
        """What the log says the agent did, oldest first."""
        return [
            json.loads(d)["detail"]
            for (d,) in self.home.sql(
                "SELECT data FROM events WHERE instance = ? AND type = 'status' AND "
                "json_extract(data, '$.context') LIKE 'tool:%' ORDER BY id",
                self.name,
            )
        ]


class Unused(Installed):
    """Where no agent is concerned, no process is started, and nothing is said."""

    def test_a_session_that_is_no_agent(self):
        self.assertTrue(SHELLS)
        for shell in SHELLS:
            for event in ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop", "SessionEnd"):
                with self.subTest(shell=shell, event=event):
                    self.assertEqual(
                        self.count(shell, event, sample(event), CLAUDE_CODE_SESSION_ID="s-other"), 0
                    )
                    self.assertEqual(
                        self.hook(shell, event, sample(event), CLAUDE_CODE_SESSION_ID="s-other"),
                        (0, b"", b""),
                    )

    def test_the_count_counts(self):
        for shell in SHELLS:
            self.assertEqual(self.count(shell, "", {}, "true & /bin/true; wait; exit 0"), 2)

    def test_everything_of_ours_is_gone(self):
        folder = os.path.join(self.home.hcom_dir, ".agents")
        os.rename(folder, folder + ".away")
        self.addCleanup(os.rename, folder + ".away", folder)
        for shell in SHELLS:
            for event in ("SessionStart", "PostToolUse", "Stop"):
                with self.subTest(shell=shell, event=event):
                    self.assertEqual(self.count(shell, event, sample(event)), 0)
                    self.assertEqual(self.hook(shell, event, sample(event)), (0, b"", b""))


class ForkedByHand(Installed):
    """A session of Codex that began as a copy of another, whose agent is known by its session."""

    COMMAND = ("codex", "SessionStart", "find")

    def begun(self, shell: str, session: str, **more: str):
        """What the first hook of the session says; it knows it by nothing but its payload."""
        command = launcher.command(locate(self.home.env), *self.COMMAND)
        payload = {"session_id": session, "cwd": self.home.work, **more}
        raw = json.dumps(payload, separators=(",", ":")).encode()
        return self.hook(shell, "", raw, command, CLAUDE_CODE_SESSION_ID="")

    def test_it_is_an_agent_of_its_own_where_the_other_is_one(self):
        for shell in SHELLS:
            parent, rollout = (
                f"p-{os.path.basename(shell)}",
                os.path.join(self.home.work, "rollout"),
            )
            env = {"CODEX_THREAD_ID": parent, "CODEX_HOME": self.home.root}
            first = self.home.new(lambda: self.home.said("start", env=env))
            for of in ("s-nobody", parent):
                with open(rollout, "w", encoding="utf-8") as stream:
                    stream.write(json.dumps({"payload": {"forked_from_id": of}}) + "\n")
                told = {"transcript_path": rollout}
                for source in ("startup", "resume"):
                    said = self.begun(shell, f"{of}-copy", source=source, **told)
                    self.assertEqual(said, (0, b"", b""))
                code, said, errors = self.begun(shell, f"{of}-copy", source="fork", **told)
                self.assertEqual((code, errors), (0, b""))
                self.assertEqual(b"This session is a fork" in said, of == parent)
            [other] = set(self.home.known()) - {first, self.name}
            self.home.said("stop", first, other)

    def test_no_process_is_started_where_there_is_no_agent(self):
        folder = os.path.join(self.run_, "marks")
        os.rename(folder, folder + ".away")
        self.addCleanup(os.rename, folder + ".away", folder)
        self.addCleanup(os.rmdir, folder)
        os.mkdir(folder)
        command = launcher.command(locate(self.home.env), *self.COMMAND)
        for shell in SHELLS:
            told = {"session_id": "s-x", "source": "fork"}
            self.assertEqual(self.count(shell, "", told, command, CLAUDE_CODE_SESSION_ID=""), 0)


class Recording(Installed):
    def test_nothing_waits_one_cat(self):
        recorder = os.path.join(self.run_, "recorder")
        self.home.until(lambda: not os.path.lexists(recorder), "no recorder")
        os.mkfifo(recorder)  # one listens: the launcher rings and starts none
        self.addCleanup(lambda: os.path.lexists(recorder) and os.unlink(recorder))
        for shell in SHELLS:
            with self.subTest(shell):
                self.assertEqual(self.count(shell, "PostToolUse", sample("PostToolUse")), 1)
        self.assertEqual(len(os.listdir(os.path.join(self.run_, "spool"))), len(SHELLS))

    def test_payloads_arrive_whole_and_in_order(self):
        self.hook("/bin/sh", "UserPromptSubmit", sample("UserPromptSubmit", session_id="s1"))
        wanted = []
        for n, shell in enumerate(SHELLS * 4):
            wanted.append(f"echo {n}")
            payload = sample("PostToolUse", session_id="s1", tool_input={"command": wanted[-1]})
            if n % 3 == 0:
                payload["tool_response"] = {"stdout": "ä\\n'\"$`" * 700_000}  # 5 MB and more
            self.assertEqual(self.hook(shell, "PostToolUse", payload), (0, b"", b""))
        self.home.until(lambda: self.recorded() == wanted, "all recorded in order")
        spool = os.path.join(self.run_, "spool")
        self.home.until(lambda: not os.listdir(spool), "the spool is empty")
        self.home.until(
            lambda: not os.path.lexists(os.path.join(self.run_, "recorder")), "the recorder is gone"
        )

    def test_no_client_waits_for_the_recorder(self):
        recorder, event = os.path.join(self.run_, "recorder"), "PostToolUse"
        for shell in SHELLS:
            # Whatever else leads to the client; a script's own numbers are 3 to 9.
            for more in ("", "exec 3>&1 9>&1; "):
                with self.subTest(shell, more=more):
                    self.home.until(lambda: not os.path.lexists(recorder), "no recorder")
                    # Returns when the last of what was started has closed its output.
                    payload = sample(event, session_id="s1")
                    self.hook(shell, event, payload, more + self.command(event))
                    self.home.until(lambda: os.path.lexists(recorder), "it has not ended before", 5)

    def test_a_turn_end_records_what_came_before_it(self):
        self.hook("/bin/sh", "PostToolUse", sample("PostToolUse", session_id="s1"))
        self.hook("/bin/sh", "Stop", sample("Stop", session_id="s1"))
        self.assertEqual(self.recorded(), ["echo hi"])

    def test_junk_is_silent(self):
        for shell in SHELLS:
            for junk in (b"", b"not json", b"[]", b"\0\xff" * 1000, b"x" * 5_000_000):
                for event in ("PostToolUse", "Stop", "SessionStart", "PreToolUse"):
                    with self.subTest(shell=shell, junk=junk[:8], event=event):
                        self.assertEqual(self.hook(shell, event, junk), (0, b"", b""))
        self.home.until(lambda: not os.listdir(os.path.join(self.run_, "spool")), "all dropped")
        self.assertEqual(self.recorded(), [])


class Delivering(Installed):
    def mail(self, text: str) -> None:
        self.home.said("send", "--from", "ci", f"@{self.name} {text}")

    def context(self, done) -> str:
        code, out, err = done
        self.assertEqual((code, err), (0, b""))
        return json.loads(out)["hookSpecificOutput"]["additionalContext"] if out else ""

    def test_mail_comes_with_the_next_tool(self):
        for n, shell in enumerate(SHELLS):
            with self.subTest(shell):
                self.mail(f"mail {n}")
                self.assertIn(
                    f"mail {n}",
                    self.context(
                        self.hook(shell, "PostToolUse", sample("PostToolUse", session_id="s1"))
                    ),
                )
                self.assertEqual(
                    self.hook(shell, "PostToolUse", sample("PostToolUse", session_id="s1")),
                    (0, b"", b""),
                )

    def test_a_subagent_is_handed_what_only_it_has(self):
        payload = sample("PostToolUse.subagent", session_id="s1")
        key = payload["agent_id"]
        self.hook(
            "/bin/sh", "SubagentStart", sample("SubagentStart", session_id="s1", agent_id=key)
        )
        self.home.said("start", "--name", key)
        child = f"{self.name}_general_purpose_1"
        for shell in SHELLS:
            with self.subTest(shell):
                self.home.said("send", "--from", "ci", f"@{child} for {shell}")
                text = self.context(self.hook(shell, "PostToolUse", payload))
                self.assertIn(f"for {shell}", text)
        self.home.said("events", "sub", f"idle:{self.name}", "--for", child)
        self.hook("/bin/sh", "Stop", sample("Stop", session_id="s1"))
        self.home.until(
            lambda: "is idle" in self.context(self.hook("/bin/sh", "PostToolUse", payload)),
            "its notice",
        )

    def test_by_path_when_the_interpreter_is_gone(self):
        launcher = os.path.join(self.home.hcom_dir, ".agents", "hook")
        with open(launcher, encoding="utf-8") as stream:
            before = stream.read()
        after = re.sub(r"(?m)^hcom_py=.*$", "hcom_py=/gone/python", before)
        self.assertNotEqual(before, after)

        def write(text):
            with open(launcher, "w", encoding="utf-8") as stream:
                stream.write(text)

        write(after)
        self.addCleanup(write, before)
        entry = os.path.join(self.home.root, "entry")
        os.makedirs(entry, exist_ok=True)
        with open(os.path.join(entry, "hcom"), "w", encoding="utf-8") as stream:  # as pip makes it
            stream.write(
                f"#!{sys.executable} -I\nimport sys\nsys.path.insert(0, {ROOT!r})\n"
                "from hcom.cli import main\nsys.exit(main())\n"
            )
        os.chmod(stream.name, 0o755)
        payload = sample("PostToolUse", session_id="s1")
        for path in (self.env["PATH"], f"{entry}:/usr/bin:/bin"):
            self.mail("by path")
            self.assertIn(
                "by path", self.context(self.hook("/bin/sh", "PostToolUse", payload, PATH=path))
            )
        self.mail("later")
        for event in ("PostToolUse", "Stop"):
            done = self.hook("/bin/sh", event, payload, PATH="/usr/bin:/bin")
            self.assertEqual(done, (0, b"", b""))


class OddHome(unittest.TestCase):
    def test_a_directory_with_every_kind_of_sign(self):
        home = Home()
        self.addCleanup(home.remove)
        odd = os.path.join(home.root, 'it\'s "a" $HOME `x` \\n é🎉;&|* dir', ".hcom")
        os.mkdir(os.path.dirname(odd))
        home.hcom_dir = home.env["HCOM_DIR"] = odd
        home.program("claude", "")
        home.said("hooks", "add", "claude")
        settings = os.path.join(os.path.dirname(odd), ".claude", "settings.json")
        with open(settings, encoding="utf-8") as stream:
            text = stream.read()
        self.assertEqual(launcher.roots(text), {odd})
        self.assertEqual(launcher.roots(r"hcom_dir='; hcom_on=' hcom_dir=\q; hcom_on='"), set())
        hooks = json.loads(text)["hooks"]
        claude = {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_SESSION_ID": "s1",
            "CLAUDE_PID": "0",
            "CLAUDE_CONFIG_DIR": os.path.join(home.root, ".claude"),
        }
        name = re.search(r"'(\w+)'", home.said("start", env=claude))[1]
        env = {**home.env, "CLAUDE_CODE_SESSION_ID": "s1", "HCOM_DIR": ""}  # the command knows it
        for shell in SHELLS:
            home.said("send", "--from", "ci", f"@{name} hello")
            payload = json.dumps(sample("PostToolUse", session_id="s1"))
            done = subprocess.run(
                [shell, "-c", hooks["PostToolUse"][0]["hooks"][0]["command"]],
                env=env,
                input=payload,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("hello", done.stdout)
        self.assertFalse(os.path.exists(os.path.join(home.root, ".hcom")))
        home.said("hooks", "remove", "claude")
        self.assertFalse(os.path.exists(settings))


if __name__ == "__main__":
    unittest.main()
