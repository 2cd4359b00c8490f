"""What `hcom list` says an agent does, by its hooks and by its client's own word."""

import json
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from tests.sealed import Sealed


class Blocked(Sealed):
    def says(self, session: str, **facts) -> None:
        """The session's Claude Code says so of itself."""
        pid = self.clients[session].pid
        path = Path(self.home.root, ".claude", "sessions", f"{pid}.json")
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(json.dumps({"sessionId": session, **facts}), encoding="utf-8")

    def test_the_detail_is_what_is_asked_about(self):
        luna = self.claude("s1")
        self.hook("s1", "SessionStart", source="startup")
        self.hook("s1", "UserPromptSubmit", prompt="tidy up")
        self.command("s1", "git status")
        self.says("s1", status="waiting", waitingFor="approve Bash")
        said = json.loads(self.home.said("list", luna, "--json"))
        self.assertEqual(
            [said[f"status{key}"] for key in ("", "_context", "_detail")],
            ["blocked", "approve Bash", ""],
        )
        self.hook("s1", "PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"})
        said = json.loads(self.home.said("list", luna, "--json"))
        self.assertEqual(said["status_detail"], "Bash: rm x")


class Words(Sealed):
    def test_an_agent_without_hooks(self):
        luna = self.home.start()
        self.assertEqual(self.home.said("list", luna, "status"), "active\n")
        argv = ["hcom", "listen", "--name", luna, "60"]
        with subprocess.Popen(argv, env=self.home.env, stdout=subprocess.PIPE) as waiting:
            self.home.until(
                lambda: self.home.said("list", luna, "status") == "listening\n", "it listens"
            )
            self.home.said("send", "--from", "ci", f"@{luna} hi")
            waiting.communicate(timeout=20)
        self.assertEqual(self.home.said("list", luna, "status"), "active\n")
        with subprocess.Popen(argv, env=self.home.env, stdout=subprocess.PIPE) as waiting:
            self.home.until(
                lambda: self.home.said("list", luna, "status") == "listening\n", "it listens"
            )
            for one in self.home.inmates():  # the shell in front of it, too
                os.kill(one, signal.SIGKILL)
        self.assertEqual(self.home.said("list", luna, "status"), "active\n")
        self.home.said("stop", luna)
        self.home.said("start", "--as", luna)
        self.assertEqual(self.home.said("list", luna, "status"), "active\n")

    def test_an_idle_agent_is_that_and_no_more(self):
        luna = self.claude("s1")
        self.hook("s1", "SessionStart", source="startup")
        self.assertRegex(self.home.said("list"), rf"^◉ {luna} +claude +listening +\d+s\n")
        self.hook("s1", "UserPromptSubmit", prompt="tidy {up}")
        self.assertRegex(self.home.said("list"), rf"^▶ {luna} .* prompt tidy {{up}}\n")

    def test_a_client_that_starts(self):
        self.home.stand_in("claude", "exec sleep 60")
        self.addCleanup(self.home.run, "kill", "all")
        self.home.said("claude", "--headless")
        [said] = map(json.loads, self.home.said("list", "--json").splitlines())
        shown = self.home.said("claude", "--headless")
        self.assertIn("screen: hcom term ", shown)
        self.assertNotIn("log: ", shown)
        self.assertEqual((said["status"], said["status_context"]), ("inactive", "launching"))
        self.assertRegex(self.home.said("list"), r"^○ \w+ +claude +launching +\d+s\n")

    def test_a_client_whose_terminal_does_not_open_was_never_there(self):
        self.home.stand_in("claude", "exec sleep 60")
        done = self.home.run("1", "claude", env={"HCOM_TERMINAL": "false {script}"})
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertRegex(done.stderr, "not launched: luna: .* did not open: false ended with st")
        self.assertEqual(self.home.said("list"), "")
        self.assertEqual(os.listdir(Path(self.home.hcom_dir, ".agents", "launch")), [])

    def test_one_without_a_terminal_has_printed_into_a_log(self):
        self.home.stand_in("claude", "echo done; exec sleep 60")
        self.addCleanup(self.home.run, "kill", "all")
        shown = self.home.said("claude", "-p", "x")
        (log,) = re.findall("^log: (.*)$", shown, re.MULTILINE)
        name = self.home.known()[0]
        self.home.until(lambda: "done" in self.home.said("term", name), "its words are shown")
        with open(log, encoding="utf-8") as stream:
            self.assertIn("done", stream.read())


if __name__ == "__main__":
    unittest.main()
