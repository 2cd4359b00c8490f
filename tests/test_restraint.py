"""What keeps subscriptions from harm: no loops, no waiting, no event told twice."""

import json
import os
import sqlite3
import subprocess
import sys
import unittest

from tests.sealed import ROOT, Sealed


class Restraint(Sealed):
    def test_two_agents_that_watch_each_other_do_not_wake_each_other_for_ever(self):
        luna, nova = self.claude("s1"), self.claude("s2")
        self.home.said("events", "sub", f"idle:{nova}", "--for", luna)
        self.home.said("events", "sub", f"idle:{luna}", "--for", nova)
        self.hook("s1", "UserPromptSubmit", prompt="work")
        self.hook("s1", "Stop")
        self.home.until(lambda: self.home.notices(nova), "nova is told")
        wake = (
            '<cross-session-message from="uds:/x" from-name="hcom">\nhcom: new mail (#1).'
            "\n</cross-session-message>"
        )
        self.assertIn("finished its turn", self.hook("s2", "UserPromptSubmit", prompt=wake))
        self.hook("s2", "Stop")
        self.home.settled()
        self.assertEqual(self.home.notices(luna), [])

    def test_a_turn_that_a_real_message_opened_counts(self):
        luna, nova, kira = self.home.start(), self.claude("s2"), self.home.start()
        self.home.said("events", "sub", f"idle:{nova}", "--name", luna)
        self.home.said("send", f"@{nova} do it", "--name", kira)
        wake = (
            '<cross-session-message from="uds:/x" from-name="hcom">\nhcom: new mail (#1).'
            "\n</cross-session-message>"
        )
        self.assertIn("do it", self.hook("s2", "UserPromptSubmit", prompt=wake))
        self.hook("s2", "Stop")
        self.home.until(lambda: self.home.notices(luna), "luna is told")

    def test_greedy_and_slow_ones_together(self):
        luna = self.home.start()
        self.claude("s1")
        slow = (
            "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            "SELECT max(x) FROM c) > id"
        )
        self.home.said("events", "sub", "id > 0", "--name", luna)
        made = self.home.run("events", "sub", slow, "--name", luna)
        if made.returncode == 0:
            slow_id = made.stdout.split(":")[0]
        else:  # found out when it was made
            self.assertIn("took longer", made.stderr)
            db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
            slow_id = "sub-slow"
            db.execute(
                "INSERT INTO subscriptions (id, owner, by, label, sql, params, looks_at,"
                " once, after_id, created_at) VALUES ('sub-slow', ?, ?, 'slow', ?, '[]',"
                " 'all', 0, 0, 0)",
                (luna, luna, slow),
            )
            db.commit()
            db.close()
        self.hook("s1", "UserPromptSubmit", prompt="work")
        self.home.until(
            lambda: any(
                f"{slow_id} (" in n and "switched off" in n for n in self.home.notices(luna)
            ),
            "the slow one is off",
        )
        self.home.settled()
        count = self.home.sql("SELECT count(*) FROM events")[0][0]
        self.home.said("list")
        self.home.settled()
        self.assertEqual(self.home.sql("SELECT count(*) FROM events")[0][0], count, "no loop")
        self.assertIn("OFF: its SQL takes too long", self.home.said("events", "sub"))

    def test_what_fires_too_often_is_switched_off(self):
        luna = self.home.start()
        self.claude("s1")
        sub_id = self.home.said("events", "sub", "cmd:x", "--name", luna).split(":")[0]
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        db.execute(
            "UPDATE subscriptions SET fired = 30, fired_since = strftime('%s', 'now') WHERE id = ?",
            (sub_id,),
        )
        db.commit()
        db.close()
        self.command("s1", "x")
        said = self.home.until(lambda: self.home.notices(luna), "told")
        self.assertIn("more than 30 times", said[0])

    def test_an_owner_that_left_is_told_nothing_and_keeps_its_subscriptions(self):
        luna = self.home.start()
        self.claude("s1")
        self.home.said("events", "sub", "cmd:x", "--name", luna)
        self.home.said("stop", luna)
        self.command("s1", "x 1")
        self.home.settled()
        self.home.said("start", "--as", luna)
        self.command("s1", "x 2")
        said = self.home.until(lambda: self.home.notices(luna), "told again")
        self.assertNotIn("x 1", said[0])

    def test_a_hook_without_subscriptions_loads_nothing_of_them(self):
        self.home.env["HCOM_DEFAULT_SUBSCRIPTIONS"] = ""
        self.claude("s1")
        payload = json.dumps({"session_id": "s1", "cwd": self.home.work, "prompt": "x"})
        code = (
            "import sys; sys.argv = ['hcom', 'hook', 'claude', 'UserPromptSubmit', "
            f"'{self.clients['s1'].pid}']; sys.path.insert(0, {ROOT!r}); "
            "from hcom.hooks.main import main; main(sys.argv[1:]); "
            "print(*sorted(sys.modules), file=sys.stderr)"
        )
        argv = [sys.executable, "-I", "-S", "-c", code]
        done = self.home.within(self.clients["s1"], *argv, given=payload)
        loaded = set(done.stderr.split())
        unwanted = {
            "hcom.notices",
            "hcom.hub.watch",
            "hcom.store.subscriptions",
            "hcom.bus.watch",
            "hcom.store.requests",
            "hcom.bus.filters",
            "hcom.config",
            "typing",
            "dataclasses",
            "logging",
            "subprocess",
            "pathlib",
            "urllib",
            "argparse",
            "tempfile",
            "difflib",
            "contextlib",
        }
        self.assertEqual(loaded & unwanted, set())
        self.assertIn("hcom.hooks.handle", loaded)

    def test_many_writers_at_once_have_each_event_matched_once(self):
        luna = self.home.start()
        self.home.said("events", "sub", "type = 'message' AND msg_from = 'ci'", "--name", luna)
        writers = [
            subprocess.Popen(
                ["hcom", "send", f"@{luna} {i}", "--from", "ci"],
                env=self.home.env,
                stdout=subprocess.DEVNULL,
            )
            for i in range(12)
        ]
        self.assertEqual([w.wait(30) for w in writers], [0] * 12)
        self.home.settled()
        lines = [line for text in self.home.notices(luna) for line in text.split("\n")]
        summed_up = sum(int(line.split()[1]) for line in lines if line.startswith("and "))
        self.assertEqual(sum("event #" in line for line in lines) + summed_up, 12)


if __name__ == "__main__":
    unittest.main()
