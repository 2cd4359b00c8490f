"""Subscriptions, from the command that makes one to the notice that its owner is handed."""

import json
import os
import sqlite3
import unittest

from tests.sealed import Sealed


class Presets(Sealed):
    def test_each_preset_fires_for_its_event_and_for_no_other(self):
        luna = self.home.start()
        nova = self.claude("s-nova")
        other = self.claude("s-kira")
        fires = {
            f"idle:{nova}": lambda s: self.hook(s, "Stop"),
            f"file_edits:{nova}": lambda s: self.edit(s, "a.py"),
            f"user_input:{nova}": lambda s: self.hook(s, "UserPromptSubmit", prompt="do it"),
            f"blocked:{nova}": lambda s: self.hook(
                s, "PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"}
            ),
            'cmd:"git commit"': lambda s: self.command(s, "cd x && git commit -m y"),
            f'cmd:{nova}:"make"': lambda s: self.command(s, "make all"),
            'cmd-starts:"npm"': lambda s: self.command(s, "npm test"),
            'cmd-exact:"ls -l"': lambda s: self.command(s, "ls -l"),
            f"stopped:{nova}": lambda s: self.hook(s, "SessionEnd", reason="other"),
        }
        made = {}
        for preset in fires:
            made[preset] = self.home.said("events", "sub", preset, "--name", luna).split(":")[0]
        for preset, act in fires.items():
            with self.subTest(preset=preset):
                before = len(self.home.notices(luna))
                if nova in preset:
                    act("s-kira")
                    self.home.settled()
                    self.assertFalse(
                        [n for n in self.home.notices(luna)[before:] if made[preset] in n],
                        f"fired for {other}",
                    )
                act("s-nova")
                self.home.until(
                    lambda: any(made[preset] in n for n in self.home.notices(luna)[before:]), preset
                )
                self.home.settled()
                fired = [n for n in self.home.notices(luna)[before:] if made[preset] in n]
                self.assertEqual(len(fired), 1)
                self.assertIn("event #", fired[0])
                self.assertEqual(fired[0].count("\n"), 0, "one event is one line")

    def test_system_wide_presets(self):
        luna = self.home.start()
        for preset in ("created", "stopped", "blocked"):
            self.home.said("events", "sub", preset, "--for", luna)
        nova = self.claude("s1")
        self.hook("s1", "PermissionRequest", tool_name="Bash", tool_input={"command": "rm x"})
        self.home.said("stop", nova)
        self.home.until(
            lambda: len(" ".join(self.home.notices(luna)).split(" event #")) == 4,
            "three events told",
        )
        text = "\n".join(self.home.notices(luna))
        for piece in (f"{nova} joined", f"{nova} is blocked", f"{nova} left"):
            self.assertIn(piece, text)

    def test_commands_near_the_pattern_do_not_fire(self):
        luna = self.home.start()
        self.claude("s1")
        self.home.said("events", "sub", "cmd-starts:npm t", "--name", luna)
        self.home.said("events", "sub", "cmd-exact:ls", "--name", luna)
        self.home.said("events", "sub", "cmd:100%_x", "--name", luna)
        for text in ("echo npm test", "ls -l", "echo 100 percent x", "100a_x"):
            self.command("s1", text)
        self.edit("s1", "ls")
        self.home.settled()
        self.assertEqual(self.home.notices(luna), [])

    def test_user_input_counts_what_the_person_sends(self):
        luna = self.home.start()
        nova = self.home.start()
        self.home.said("events", "sub", f"user_input:{nova}", "--name", luna)
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        event = db.execute(
            "INSERT INTO events (timestamp, type, instance, data) VALUES "
            "('2026-01-01T00:00:00.000Z', 'message', 'bigboss', ?)",
            (
                json.dumps(
                    {
                        "from": "bigboss",
                        "text": "go",
                        "sender_kind": "external",
                        "scope": "mentions",
                        "delivered_to": [nova],
                        "mentions": [nova],
                    }
                ),
            ),
        ).lastrowid
        db.execute(
            "INSERT INTO deliveries (event_id, agent, wakes) VALUES (?, ?, 1)", (event, nova)
        )
        db.commit()
        db.close()
        self.home.said("send", "--from", "ci", "--", "any writer has the log matched")
        self.home.until(lambda: self.home.notices(luna), "the person's message is told")


class Subscribing(Sealed):
    def test_printed_ids_can_be_given_to_unsub(self):
        luna = self.home.start()
        for given in ("idle:" + luna, "type = 'life'", 'cmd:"a:b"', "created"):
            said = self.home.said("events", "sub", given, "--name", luna)
            sub_id = said.split(":")[0]
            self.assertRegex(sub_id, r"^sub-[0-9a-f]{4,}$")
            self.assertIn(sub_id, self.home.said("events", "sub"))
            form = sub_id[4:] if given == "created" else sub_id
            self.assertIn("removed", self.home.said("events", "unsub", form, "--name", luna))
            self.assertNotIn(sub_id, self.home.said("events", "sub"))

    def test_unsub_by_preset_takes_the_callers_own(self):
        luna, nova = self.home.start(), self.home.start()
        for name in (luna, nova):
            self.home.said("events", "sub", f"idle:{nova}", "--for", name)
            self.home.said("events", "sub", 'cmd:"git commit"', "--for", name)
        self.home.said("events", "unsub", f"idle:{nova}", "--name", luna)
        self.home.said("events", "unsub", "cmd:git commit", "--name", luna)
        self.home.said("events", "unsub", "collision", "--name", luna)
        left = self.home.sql("SELECT owner, label FROM subscriptions ORDER BY owner, label")
        self.assertEqual([row for row in left if row[0] == luna], [])
        self.assertEqual(len([row for row in left if row[0] == nova]), 3)
        said = self.home.said("events", "unsub", 'cmd:"git commit"')
        self.assertIn("removed", said, "the person made it for nova")
        done = self.home.run("events", "unsub", "collision")  # nova has that by itself
        self.assertIn("no subscription", done.stderr)

    def test_names_with_tags_underscores_and_hyphens(self):
        luna = self.home.start()
        self.home.said("start", env={"HCOM_TAG": "dev-team"})
        tagged = [n for n in self.home.names() if n.startswith("dev-team-")][0]
        bare = tagged.rpartition("-")[2]
        said = self.home.said("events", "sub", f"stopped:{tagged}", "--name", luna)
        self.assertIn(f"stopped:{bare}", said)
        self.home.said("events", "sub", f'cmd:{tagged}:"x"', "--name", luna)
        self.home.said("events", "unsub", f"stopped:{tagged}", "--name", luna)

    def test_once_fires_once_and_for_tells_another(self):
        luna, nova = self.home.start(), self.home.start()
        self.claude("s1")
        self.home.said("events", "sub", "cmd:deploy", "--once", "--for", nova, "--name", luna)
        self.command("s1", "deploy 1")
        self.home.until(lambda: self.home.notices(nova), "the first is told")
        self.command("s1", "deploy 2")
        self.home.settled()
        self.assertEqual((len(self.home.notices(nova)), self.home.notices(luna)), (1, []))
        self.assertNotIn("deploy", self.home.said("events", "sub"))

    def test_the_same_twice_is_one(self):
        luna = self.home.start()
        first = self.home.said("events", "sub", "created", "--name", luna).split(":")[0]
        again = self.home.said("events", "sub", "created", "--name", luna)
        self.assertIn("already", again)
        self.assertTrue(again.startswith(first))

    def test_flags_and_sql_can_be_subscribed_to(self):
        luna = self.home.start()
        nova = self.claude("s1")
        self.home.said("events", "sub", "--agent", nova, "--tool", "bash", "--name", luna)
        self.home.said(
            "events",
            "sub",
            f"instance = '{nova}' AND status_detail LIKE '%x.py'",
            "--file",
            "x.py",
            "--name",
            luna,
        )
        self.command("s1", "true")
        self.edit("s1", "sub/x.py")
        self.home.until(
            lambda: len("".join(self.home.notices(luna)).split("event #")) == 3, "one line each"
        )

    def test_default_subscriptions_come_with_joining(self):
        name = self.home.start()
        self.assertEqual(self.home.sql("SELECT label FROM subscriptions"), [(f"collision:{name}",)])
        self.home.said("start", env={"HCOM_DEFAULT_SUBSCRIPTIONS": "created, stopped"})
        labels = self.home.sql("SELECT label FROM subscriptions WHERE owner <> ? ORDER BY 1", name)
        self.assertEqual(labels, [("created",), ("stopped",)])
        self.home.said("start", env={"HCOM_DEFAULT_SUBSCRIPTIONS": ""})
        self.assertEqual(self.home.sql("SELECT count(*) FROM subscriptions"), [(3,)])
        self.home.said("start", env={"HCOM_DEFAULT_SUBSCRIPTIONS": "nonsense"})
        self.assertEqual(self.home.sql("SELECT count(*) FROM subscriptions"), [(4,)], "the default")

    def test_another_agents_subscription_is_not_ones_own(self):
        luna, nova = self.home.start(), self.home.start()
        sub_id = self.home.said("events", "sub", "created", "--name", luna).split(":")[0]
        done = self.home.run("events", "unsub", sub_id, "--name", nova)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"of {luna}", done.stderr)

    def test_a_session_that_is_no_agent_is_not_the_person(self):
        luna = self.home.start()
        sub_id = self.home.said("events", "sub", "created", "--name", luna).split(":")[0]
        client = self.home.client()
        self.addCleanup(lambda: (client.kill(), client.communicate()))
        for words in (("unsub", sub_id), ("unsub", "created"), ("sub", "stopped", "--for", luna)):
            with self.subTest(words):
                done = self.home.within(client, "hcom", "events", *words, session="s-nobody")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn("who are you", done.stderr)
        self.assertIn("removed", self.home.said("events", "unsub", sub_id))
        self.home.within(client, "hcom", "stop", luna, session="s-nobody")
        stopped = "SELECT json_extract(data, '$.by') FROM events WHERE data LIKE '%stopped%'"
        self.assertEqual(self.home.sql(stopped), [("a program",)])

    def test_bad_input_is_one_line_and_an_exit_code(self):
        luna = self.home.start()
        table = [
            (2, "sub", "idle:luna", "idle:nova"),
            (1, "sub", "idle:nobody"),
            (2, "sub", "idle:"),
            (2, "sub", "idel:luna"),
            (2, "sub", ""),
            (2, "sub", "cmd:"),
            (2, "sub", 'cmd:""'),
            (2, "sub", "cmd-exact:"),
            (2, "sub", "collision:luna"),
            (2, "sub", "--once"),
            (2, "sub", "--for", luna),
            (1, "sub", "created", "--for", "nobody"),
            (2, "unsub"),
            (2, "unsub", "a", "b"),
            (1, "unsub", "sub-ffff"),
            (1, "unsub", "idle:luna"),
            (1, "unsub", "'; DROP TABLE events; --"),
            (2, "sub", "created", "--after", "1h"),
            (2, "sub", "1; DELETE FROM events"),
            (2, "sub", "1) OR (1"),
            (2, "sub", "nosuch = 1"),
            (2, "sub", "id = ?"),
            (2, "sub", "load_extension('x')"),
            (2, "sub", "1 --"),
            (2, "sub", "id = (SELECT 1) UNION SELECT 1"),
            (2, "sub", "1 /* x"),
            (2, "nonsense"),
            (
                2,
                "sub",
                "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
                "SELECT max(x) FROM c) > 0 OR nosuch",
            ),
            (2, "--once"),
            (2, "--last", "0"),
            (2, "--last", "x"),
            (2, "--last", "9" * 40),
            (2, "--last"),
            (2, "--wait", "-1"),
            (2, "--wait", "nan"),
            (2, "--type", "x"),
            (2, "--status", ""),
            (2, "--intent", "REQUESTED"),
            (2, "--after", "yesterday"),
            (2, "--after", "9999999999999999s"),
            (2, "--before", "\x1b[2J"),
            (1, "--agent", "nobody"),
            (2, "--follow", "--wait"),
            (2, "--sql", "collision"),
            (2, "--sql", ""),
            (2, "--sql", "1 = json('{')"),
            (1, "--message", "99999"),
        ]
        for code, *args in table:
            with self.subTest(args=args):
                done = self.home.run("events", *args, "--name", luna, timeout=20)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("hcom: "), done.stderr)
                self.assertNotIn("bug", done.stderr)
                self.assertNotIn("\x1b", done.stderr)


class Collisions(Sealed):
    def test_both_are_told_once_per_window_whatever_the_file_is_called(self):
        luna, nova = self.claude("s1"), self.claude("s2")
        watcher = self.home.start()
        os.makedirs(os.path.join(self.home.work, "src"))
        os.symlink(os.path.join(self.home.work, "src"), os.path.join(self.home.root, "link"))
        self.edit("s1", os.path.join(self.home.root, "link", "a.py"), "Write")
        self.edit("s2", "src/../src/a.py")
        for name, other in ((luna, nova), (nova, luna)):
            said = self.home.until(lambda: self.home.notices(name), f"{name} is told")
            self.assertEqual(len(said), 1)
            self.assertIn(f"you and {other} edited “{self.home.work}/src/a.py”", said[0])
        self.assertEqual(self.home.notices(watcher), [], "only the two, by default")
        self.edit("s1", "src/a.py")
        self.edit("s2", "src/a.py")
        self.home.settled()
        self.assertEqual(len(self.home.notices(luna)), 1)
        self.edit("s2", "src/b.py")
        self.edit("s1", "src/b.py")
        self.home.until(lambda: len(self.home.notices(luna)) == 2, "another file is another matter")

    def test_no_collision_with_oneself_after_a_failure_or_long_ago(self):
        luna = self.claude("s1")
        self.claude("s2")
        self.edit("s1", "a.py")
        self.edit("s1", "a.py")
        self.hook("s2", "PostToolUseFailure", tool_name="Edit", tool_input={"file_path": "a.py"})
        self.hook("s2", "PostToolUse", tool_name="Read", tool_input={"file_path": "a.py"})
        self.edit("s1", "old.py")
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        db.execute("UPDATE acts SET at = at - 21 WHERE what LIKE '%old.py'")
        db.commit()
        db.close()
        self.edit("s2", "old.py")
        self.home.settled()
        self.assertEqual(self.home.notices(luna), [])

    def test_an_explicit_subscription_is_about_everyone(self):
        watcher = self.home.start()
        self.home.said("events", "sub", "collision", "--name", watcher)
        luna, nova = self.claude("s1"), self.claude("s2")
        self.edit("s1", "a.py")
        self.edit("s2", "a.py")
        said = self.home.until(lambda: self.home.notices(watcher), "the watcher is told")
        self.assertIn(f"{luna} and {nova} edited", said[0])


class Requests(Sealed):
    def ask(self, by: str, text: str, *more) -> str:
        said = self.home.said("send", text, "--name", by, "--intent", "request", *more)
        return said.split("#")[1].split()[0]

    def test_the_requester_is_told_once_when_the_target_goes_idle(self):
        luna, nova = self.home.start(), self.claude("s1")
        event = self.ask(luna, f"@{nova} what is 2 + 2?")
        self.assertIn("what is 2", self.hook("s1", "UserPromptSubmit", prompt="hi"))
        self.hook("s1", "Stop")
        said = self.home.until(lambda: self.home.notices(luna), "told")
        self.assertIn(f"{nova} went idle without an answer to your request #{event}", said[0])
        self.hook("s1", "UserPromptSubmit", prompt="more")
        self.hook("s1", "Stop")
        self.home.settled()
        self.assertEqual(len(self.home.notices(luna)), 1)

    def test_an_answer_settles_it(self):
        luna, nova = self.home.start(), self.claude("s1")
        self.ask(luna, f"@{nova} what is 2 + 2?")
        self.hook("s1", "UserPromptSubmit", prompt="hi")
        self.home.within(self.clients["s1"], "hcom", "send", f"@{luna} 4", session="s1")
        self.hook("s1", "Stop")
        self.home.settled()
        self.assertEqual(self.home.notices(luna), [])
        self.assertEqual(self.home.sql("SELECT * FROM requests"), [])

    def test_a_turn_that_ends_before_the_request_was_handed_over_says_nothing(self):
        luna, nova = self.home.start(), self.claude("s1")
        self.hook("s1", "UserPromptSubmit", prompt="hi")
        self.ask(luna, f"@{nova} what is 2 + 2?")
        self.assertIn("what is 2", self.hook("s1", "Stop"), "the turn goes on with it")
        self.home.settled()
        self.assertEqual(self.home.notices(luna), [])

    def test_stopped_and_dead_targets(self):
        luna, nova = self.home.start(), self.claude("s1")
        kira = self.claude("s2")
        self.ask(luna, f"@{nova} a")
        self.ask(luna, f"@{kira} b")
        self.home.said("stop", nova)
        said = self.home.until(lambda: self.home.notices(luna), "told that it left")
        self.assertIn(f"{nova} left", said[0])
        self.clients["s2"].kill()
        self.clients["s2"].wait()
        self.home.said("list")
        said = self.home.until(lambda: self.home.notices(luna)[1:], "told that it died")
        self.assertIn(f"{kira} ended (killed)", said[0])


if __name__ == "__main__":
    unittest.main()
