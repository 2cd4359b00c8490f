"""Reset and archive: nothing is lost, whatever happens, and nothing unseen without a word."""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

from tests.sealed import Home


class Sealed(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def archives(self) -> list[dict]:
        return [json.loads(line) for line in self.home.said("archive", "--json").splitlines()]

    def fill(self, count: int, text: str = "x" * 500) -> None:
        """`count` more messages of ci, to nobody, straight into the log."""
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        db.executemany(
            "INSERT INTO events (timestamp, type, instance, data) VALUES "
            "('2026-01-01T00:00:00.000Z', 'message', 'ci', ?)",
            (
                (
                    json.dumps(
                        {
                            "from": "ci",
                            "text": f"{i} {text}",
                            "delivered_to": [],
                            "scope": "broadcast",
                            "sender_kind": "external",
                        }
                    ),
                )
                for i in range(count)
            ),
        )
        db.commit()
        db.close()


class Archives(Sealed):
    def test_every_form_on_what_was_there(self):
        luna, nova = self.home.start(), self.home.start()
        self.home.said("send", f"@{nova} first", "--name", luna)
        self.home.said("reset", "all")
        self.home.said("start")
        self.home.said("reset", "all")
        listed = self.archives()
        self.assertEqual([a["number"] for a in listed], [1, 2])
        older = listed[1]
        self.assertEqual({a["name"] for a in older["agents"]}, {luna, nova})
        self.assertEqual(older["agents"][0]["directory"], self.home.work)
        for given in ("2", older["name"]):
            text = self.home.said("archive", given)
            self.assertIn(f"{luna} to {nova}: “@{nova} first”", text)
            rows = [
                json.loads(line)
                for line in self.home.said(
                    "archive", given, "--json", "--sql", "type = 'message'"
                ).splitlines()
            ]
            self.assertEqual([r["data"]["text"] for r in rows], [f"@{nova} first"])
            agents = [
                json.loads(line)
                for line in self.home.said("archive", given, "agents", "--json").splitlines()
            ]
            self.assertEqual({a["name"] for a in agents}, {luna, nova})
        self.assertEqual(len(self.home.said("archive", "2", "--last", "1").splitlines()), 1)
        self.assertIn(luna, self.home.said("archive", "2", "agents", "--sql", f"name = '{luna}'"))
        self.assertIn(f"{luna} joined", self.home.said("archive", "2", "--sql", f"created:{luna}"))
        self.assertIn("1 ", self.home.said("archive", "--here"))
        elsewhere = subprocess.run(
            ["hcom", "archive", "--here"],
            cwd=self.home.root,
            env=self.home.env,
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(elsewhere.stdout, "")

    def test_bad_input(self):
        self.assertEqual(self.home.run("archive", "1").returncode, 1)
        self.home.start()
        self.home.said("reset", "all")
        for code, *args in (
            (1, "2"),
            (1, "0"),
            (1, "-1"),
            (1, "9" * 30),
            (1, "zz"),
            (1, ""),
            (2, "1", "events"),
            (2, "1", "agents", "x"),
            (2, "1", "--sql", "1;"),
            (2, "1", "--sql", "nope = 1"),
            (2, "1", "agents", "--sql", "1) OR (1"),
            (2, "1", "agents", "--sql", "nope = 1"),
            (2, "--sql", "1"),
            (2, "1", "--last", "x"),
            (1, "../../etc"),
            (1, "1\x1b[2J"),
        ):
            with self.subTest(args=args):
                done = self.home.run("archive", *args)
                if args == ["-1"]:
                    self.assertIn(done.returncode, (1, 2))
                else:
                    self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertNotIn("bug", done.stderr)
                self.assertNotIn(self.home.root, done.stderr)
                self.assertNotIn("\x1b", done.stderr)
        for code, *args in ((2, "nothing"), (2, "all", "x")):
            self.assertEqual(self.home.run("reset", *args).returncode, code)

    def test_an_archive_is_read_where_nothing_can_be_written(self):
        luna = self.home.start()
        self.home.said("reset", "all")
        name = self.archives()[0]["name"]
        folder = os.path.join(self.home.hcom_dir, "archive", name)
        self.assertEqual(sorted(os.listdir(folder)), ["about.json", "hcom.db"])
        self.assertEqual(os.stat(os.path.join(folder, "hcom.db")).st_mode & 0o077, 0)
        os.unlink(os.path.join(folder, "about.json"))
        os.chmod(folder, 0o500)
        self.addCleanup(os.chmod, folder, 0o700)
        self.assertIn(luna, self.home.said("archive", "1", "agents"))
        self.assertIn(luna, self.home.said("archive"))


class Resets(Sealed):
    def test_agents_that_run_keep_what_they_have_not_seen(self):
        luna, nova = self.home.start(), self.home.start()
        self.home.said("send", f"@{luna} seen", "--from", "ci")
        self.home.said("listen", "--name", luna, "1")
        self.home.said("list", "--name", luna)
        self.home.said("events", "sub", f"idle:{nova}", "--name", luna)
        asked = self.home.said("send", f"@{luna} unseen", "--name", nova, "--intent", "request")
        said = self.home.said("reset")
        self.assertIn(f"still here, with what they have not seen: {luna}, {nova}", said)
        self.assertNotIn("never seen", said)
        self.assertIn("unseen", self.home.said("listen", "--name", luna, "1"))
        event = asked.split("#")[1].split()[0]
        self.home.said("send", "answer", "--name", luna, "--reply-to", event)
        self.assertIn(f"idle:{nova}", self.home.said("events", "sub", "--name", luna))
        later = self.home.said("send", "x", "--from", "ci").split("#")[1].split()[0]
        self.assertGreater(int(later), int(event), "an old id never means a new message")

    def test_an_agent_without_a_client_is_kept_while_it_works_or_listens(self):
        sends, listens, silent = (self.home.start() for _ in range(3))
        self.home.change("UPDATE agents SET created_at = created_at - 7200")
        self.home.change("UPDATE agents SET status_at = status_at - 7200")
        self.home.change("UPDATE events SET timestamp = '2020-01-01T00:00:00.000Z'")
        self.home.said("send", f"@{silent} at work", "--name", sends)
        with subprocess.Popen(
            ["hcom", "listen", "--name", listens, "60"],
            env=self.home.env,
            stdout=subprocess.PIPE,
            text=True,
        ) as listener:
            self.addCleanup(listener.kill)
            run = os.path.join(self.home.hcom_dir, "run")
            self.home.until(lambda: listens in str(os.listdir(f"{run}/bells")), "it listens")
            for _ in range(2):
                self.home.said("reset")
                self.assertEqual(set(self.home.names()), {sends, listens})
            self.home.said("send", f"@{listens} heard", "--from", "ci")
            self.assertIn("heard", listener.communicate(timeout=20)[0])
        self.assertFalse(os.path.exists(f"{run}/mail/{silent}"))

    def test_what_nobody_will_see_any_more_is_said(self):
        luna = self.home.start()
        self.home.said("send", f"@{luna} one", "--from", "ci")
        self.home.said("send", f"@{luna} @bigboss two", "--from", "ci")
        self.home.said("stop", luna)
        said = self.home.said("reset")
        self.assertIn(f"never seen, now only in the archive: you 1, {luna} 2", said)
        self.assertIn("two", self.home.said("archive", "1"))

    def test_a_client_that_runs_is_kept_and_one_that_died_is_not(self):
        clients = [self.home.client() for _ in range(2)]
        self.addCleanup(lambda: [(c.kill(), c.communicate()) for c in clients])
        for i, client in enumerate(clients):
            self.home.within(client, "hcom", "start", session=f"s{i}")
        first, second = self.home.names()
        clients[1].kill()
        clients[1].wait()
        said = self.home.said("reset")
        self.assertIn(f"not seen: {first}\n", said)
        self.assertEqual(self.home.names(), [first])
        self.assertIn(second, self.home.said("archive", "1", "agents"))
        self.home.said("send", f"@{first} still there?", "--from", "ci")
        handed = self.home.hook(
            "claude",
            "UserPromptSubmit",
            {"session_id": "s0", "cwd": self.home.work, "prompt": "hi"},
            pid=clients[0].pid,
        )
        self.assertIn("still there?", handed)

    def test_reset_all_takes_hooks_and_settings_too(self):
        self.home.program("claude", "")
        self.home.said("hooks", "add", "claude")
        self.home.said("config", "tag", "dev")
        self.home.start()
        self.home.said("reset", "all")
        self.assertEqual(self.home.names(), [])
        self.assertEqual(self.home.said("config", "tag"), "\n")
        self.assertFalse(os.path.exists(os.path.join(self.home.root, ".claude", "settings.json")))
        refused = self.home.run("reset", "all", env={"HCOM_PROCESS_ID": "p"})
        self.assertIn("a person must do it", refused.stderr)

    def test_a_projects_reset_leaves_the_hooks_of_a_home_in_use(self):
        folder = os.path.join(self.home.work, "proj")
        other = {"HCOM_DIR": os.path.join(folder, ".hcom")}
        # The hooks of this one have the same place as those of ~/.hcom.
        beside = {"HCOM_DIR": os.path.join(self.home.root, "other")}
        mine = os.path.join(self.home.root, ".claude", "settings.json")
        theirs = os.path.join(folder, ".claude", "settings.json")
        for tool in ("claude", "codex", "gemini"):
            self.home.program(tool, "echo --no-daemon")
            self.home.said("hooks", "add", tool)
            self.home.said("hooks", "add", tool, env=other)
        before = self.home.said("hooks")
        for env in (other, beside):
            self.home.said("reset", "all", env=env)
            self.assertEqual(self.home.said("hooks"), before)
            self.assertFalse(os.path.exists(theirs))
        shutil.rmtree(self.home.hcom_dir)  # nothing runs them any more
        self.home.said("reset", "all", env=beside)
        with open(mine, encoding="utf-8") as stream:
            self.assertEqual(stream.read().strip(), "{}")

    def test_resetting_nothing_is_fine(self):
        self.assertIn("nothing to archive", self.home.said("reset"))
        self.assertEqual(self.archives(), [])

    def test_a_corrupt_database_is_set_aside_and_all_goes_on(self):
        self.home.start()
        path = os.path.join(self.home.hcom_dir, "hcom.db")
        with open(path, "wb") as stream:
            stream.write(b"this is no database" * 1000)
        done = self.home.run("list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("corrupt", done.stderr)
        self.assertIn("moved to the archive", self.home.said("reset"))
        self.home.start()
        self.assertIn("cannot be read", self.home.said("archive"))
        self.assertEqual(self.home.run("archive", "1").returncode, 1)
        (one,) = self.archives()
        os.unlink(os.path.join(self.home.hcom_dir, "archive", one["name"], "hcom.db"))
        self.assertRegex(
            self.home.run("archive", "1").stderr, r"cannot read [^\n]+/hcom.db: No such file"
        )

    def test_a_full_disk_changes_nothing(self):
        luna = self.home.start()
        self.fill(4000)
        before = self.home.sql("SELECT count(*), max(id) FROM events")
        # No file may grow beyond 1 MB: what a full disk is to the copy.
        done = subprocess.run(
            ["hcom", "reset"],
            env=self.home.env,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
        )
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("nothing was changed", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(self.home.sql("SELECT count(*), max(id) FROM events"), before)
        self.assertEqual(os.listdir(os.path.join(self.home.hcom_dir, "archive")), [])
        self.assertEqual(self.home.names(), [luna])

    def test_killed_at_any_point_it_loses_nothing(self):
        rng = random.Random(5)
        luna = self.home.start()
        self.home.said("send", f"@{luna} do not lose me", "--from", "ci")
        self.fill(3000)
        began = time.monotonic()
        self.home.said("reset")
        whole = time.monotonic() - began
        sent = 3000
        for _ in range(20):
            self.fill(300)
            sent += 300
            process = subprocess.Popen(
                ["hcom", "reset"],
                env=self.home.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(rng.uniform(0.05, whole * 1.1))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            found = set(self.home.sql("SELECT id FROM events WHERE instance = 'ci'"))
            for path in [a["path"] for a in self.archives()]:  # also what has no name yet
                db = sqlite3.connect(os.path.join(path, "hcom.db"))
                found |= set(db.execute("SELECT id FROM events WHERE instance = 'ci'").fetchall())
                self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
                db.close()
            self.assertEqual(len(found), sent + 1, "each message is somewhere")
        self.home.said("reset")
        self.assertFalse([a["path"] for a in self.archives() if ".part-" in a["path"]])
        left = os.listdir(os.path.join(self.home.hcom_dir, "archive"))
        self.assertFalse([entry for entry in left if entry.startswith(".")])
        self.assertIn("do not lose me", self.home.said("listen", "--name", luna, "1"))

    def test_resets_and_writers_at_once(self):
        luna = self.home.start()
        writers = [
            subprocess.Popen(
                ["hcom", "send", f"@{luna} {i}", "--from", "ci"],
                env=self.home.env,
                stdout=subprocess.DEVNULL,
            )
            for i in range(8)
        ]
        resets = [
            subprocess.Popen(
                ["hcom", "reset"],
                env=self.home.env,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
            )
            for _ in range(3)
        ]
        self.assertEqual([w.wait(60) for w in writers], [0] * 8)
        for process in resets:
            _, said = process.communicate(timeout=60)
            self.assertTrue(process.returncode == 0 or "another reset is at work" in said, said)
        heard = self.home.said("listen", "--name", luna, "--json", "2").splitlines()
        self.assertEqual(len(heard), 8)


if __name__ == "__main__":
    unittest.main()
