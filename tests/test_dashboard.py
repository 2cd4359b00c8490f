"""The dashboard on a terminal, as its person sees it: keys in, the screen as text out."""

import json
import os
import re
import shutil
import signal
import sqlite3
import types
import unittest
from pathlib import Path

from hcom.home import Home
from hcom.tui import keys
from hcom.tui.app import App
from hcom.tui.typed import Decoder, Paste
from tests.dashboard import Dashboard
from tests.sealed import Sealed


class Decoded(unittest.TestCase):
    def test_keys_by_their_names(self):
        for symbols, wanted in (
            ("j", ["j"]), ("\r", ["Enter"]), ("\n", ["Ctrl-J"]), ("\x03", ["Ctrl-C"]),
            ("\x7f", ["Backspace"]), ("\t", ["Tab"]), (["Up", "k"], ["Up", "k"]), ("漢", ["漢"]),
            ("\x1b", ["Esc"]), ("\x1b\r", ["Alt-Enter"]), ("\x1b/", ["Esc", "/"]),
            ("\x1b\x1b", ["Esc", "Esc"]), ("\x1b[99;5Xj", ["j"]), (["\x1b", "Up"], ["Esc", "Up"]),
            ("\x1b[200~q\r\x1b[2J~\x1b[201~j", [Paste("q\r\x1b[2J~"), "j"]),
        ):  # fmt: skip
            with self.subTest(symbols):
                self.assertEqual(list(Decoder().feed(symbols)), wanted)

    def test_a_paste_comes_in_pieces(self):
        decoder = Decoder()
        found = [key for part in ("\x1b[200~a", "b\x1b[2", "01~q") for key in decoder.feed(part)]
        self.assertEqual(found, [Paste("ab"), "q"])

    def test_every_key_has_an_act(self):
        screen = types.SimpleNamespace(renew=None, suspend=None)
        app = App(Home("/nowhere", "/nowhere"), {}, screen)
        self.assertEqual({key.verb for key in keys.KEYS}, set(app.verbs))
        app.work.end(10)
        for fd in app.work.fds:
            os.close(fd)


class Alone(Sealed):
    def test_without_a_terminal_it_is_the_list(self):
        luna = self.home.start()
        done = self.home.run()
        self.assertEqual(done.returncode, 0)
        age = re.compile(r" \d+s ")
        self.assertEqual(age.sub("", done.stdout), age.sub("", self.home.said("list")))
        self.assertIn(luna, done.stdout)
        self.assertEqual(done.stderr, "hcom --help tells what else there is\n")


class OnATerminal(Dashboard):
    def test_events_show_as_they_come_and_messages_go(self):
        pane = self.begun()
        self.home.said("send", "--name", self.luna, f"@{self.nova} are you there?")
        pane.until(rf"»#3 .*{self.luna} → {self.nova} +queued\n +@{self.nova} are you there\?")
        pane.keys("b")
        pane.until("to everyone: 2")
        pane.text("@nobody hi")
        pane.keys("Enter")
        pane.until(r"(?s)> @nobody hi\n nothing sent: no agent @nobody")
        pane.keys("C-u")
        pane.text(f"@{self.luna[:-1]}")
        pane.keys("Tab")
        pane.text("freeze")
        pane.keys("M-Enter")
        pane.paste("at\nfive q")
        pane.until(rf"(?s)to @{self.luna}\n> @{self.luna} freeze\n  at\n  five q")
        pane.keys("Enter")
        pane.until(rf"(?s)bigboss → {self.luna}.*sent #4 to {self.luna}")
        text = "SELECT json_extract(data, '$.text') FROM events WHERE id = 4"
        self.assertEqual(self.home.sql(text), [(f"@{self.luna} freeze\nat\nfive q",)])
        pane.keys("q")
        self.assertEqual(pane.until_ended(), 0)

    def test_a_request_is_answered_in_two_keys(self):
        pane = self.begun()
        self.home.said("send", "--name", self.nova, "--intent", "request", "@bigboss which one?")
        pane.until(rf"(?s)1 need you.*{self.nova} +adhoc +asks: @bigboss which one\?")
        pane.keys("k", "k")
        pane.until(rf"^>. {self.nova}")
        pane.keys("r")
        pane.until(f"to {self.nova}, #3")
        pane.text("the first")
        pane.keys("Enter")
        pane.until(lambda screen: "need you" not in screen and "sent #4" in screen)
        said = "SELECT json_extract(data, '$.reply_to') FROM events WHERE id = 4"
        self.assertEqual(self.home.sql(said), [(3,)])

    def test_one_key_leads_to_who_needs_the_person(self):
        pane = self.begun()
        pane.keys("a")
        pane.until("^ nobody needs you$")
        self.home.said("send", "--name", self.nova, "--intent", "request", "@bigboss which one?")
        self.home.change(f"UPDATE agents SET status = 'blocked' WHERE name = '{self.luna}'")
        pane.until("2 need you")
        pane.keys("Tab", "a")
        pane.until(rf"(?s)-- screen {self.luna} --.* {self.luna} waits for an answer in its own")
        pane.keys("a")
        pane.until(rf"(?s)-- event 3 --.*which one\?.*to {self.nova}, #3")
        pane.text("the first")
        pane.keys("Enter")
        pane.until("1 need you")
        said = "SELECT json_extract(data, '$.reply_to') FROM events WHERE id = 4"
        self.assertEqual(self.home.sql(said), [(3,)])
        pane.keys("a")
        pane.until(f"-- screen {self.luna} --")

    def test_mail_for_the_person_is_unread_until_a_key_is_pressed_there(self):
        pane = self.begun()
        self.home.said("send", "--name", self.luna, "@bigboss done")
        pane.until(r"(?s)1 unread by you.*»#3 .* NEW$")
        state = "SELECT state FROM deliveries WHERE event_id = 3"
        self.assertEqual(self.home.sql(state), [("queued",)])
        pane.keys("j")
        pane.until(lambda screen: "unread by you" not in screen and "✓ seen" in screen)
        self.home.until(lambda: self.home.sql(state) == [("seen",)], "it is stored")
        self.home.said("send", "--name", self.luna, "@bigboss and more")
        pane.until(r"(?s)1 unread by you.*✓ seen.*»#4 .* NEW$")

    def test_the_bell_rings_when_somebody_needs_the_person(self):
        def bells(log: Path) -> int:
            return re.sub(rb"\x1b\][^\x07]*\x07", b"", log.read_bytes()).count(b"\a")

        for number, (setting, wanted) in enumerate((("1", 1), ("0", 0)), 1):
            with self.subTest(setting):
                log = Path(self.home.root, "bytes" + setting)
                pane = self.pane(["script", "-qefc", "hcom", str(log)], HCOM_BELL=setting)
                title = "hcom: 1 need you" if number == 2 else "hcom"
                pane.until(lambda _: pane.title == title)
                before, who = bells(log), (self.luna, self.nova)[number - 1]
                self.home.said("send", "--name", who, "--intent", "request", "@bigboss well?")
                pane.until(lambda _: pane.title == f"hcom: {number} need you")
                self.assertEqual(bells(log) - before, wanted)
                self.over(self.tmux)

    def test_filters_pages_and_help(self):
        self.home.said("send", "--from", "ci", f"@{self.luna} " + "long " * 300)
        pane = self.begun()
        pane.keys("/")
        pane.text("type:nonsense")
        pane.keys("Enter")
        pane.until(r"(?s)> type:nonsense\n no type 'nonsense'")
        pane.keys("C-w")
        pane.text("type:life")
        pane.keys("Enter")
        pane.until(lambda screen: "/type:life" in screen and "»#3" not in screen)
        for asked, shown in (("LONG", 3), (f"created:{self.nova}", 2), (f"to:{self.luna} long", 3)):
            pane.keys("/", "C-u")
            pane.text(asked)
            pane.keys("Enter")
            pane.until(rf"(?s)/{asked} [^\n]*\n .#{shown} (?!.*#\d )")
        pane.keys("/", "C-u")
        pane.text("kind:edit")
        pane.keys("Enter")
        pane.until("^ not in a filter: kind:edit")
        pane.keys("Escape", "Escape")
        pane.until("»#3")
        pane.keys("Tab", "g")
        pane.until(rf"^>\+#1 .*{self.luna}  created")
        pane.keys("G", "Enter")
        pane.until(r"(?s)-- event 3 --.* ci at .*long long")
        pane.keys("Escape", "?")
        pane.until("(?s)-- help --.*In lists and pages:")
        pane.keys("G")
        pane.until("When asked:")
        pane.keys("Escape", "Tab", "Enter")
        pane.until(rf"(?s)-- agent {self.nova} --.*status +active")

    def test_what_ends_work_asks_first(self):
        pane = self.begun()
        pane.keys("T")
        pane.text("web")
        pane.keys("Enter")
        pane.until(rf"{self.nova} is web-{self.nova} now")
        pane.keys("x")
        pane.until(rf"stop web-{self.nova}\? y/n$")
        pane.keys("Enter")
        pane.until("m write")
        self.assertEqual(len(self.home.known()), 2)
        pane.text("xyxt")  # a word
        pane.until(rf"stop web-{self.nova}\? y/n$")
        self.assertEqual(len(self.home.known()), 2)
        pane.keys("y")
        pane.until(rf"(?s)web-{self.nova}  stopped by bigboss.* stopped web-{self.nova}$")
        self.assertEqual(self.home.known(), [self.luna])

    def test_a_client_is_seen_and_killed(self):
        self.home.stand_in("claude", "echo all my windows; exec sleep 600")
        self.addCleanup(self.home.run, "kill", "all")
        self.home.said("stop", "all")
        kira = self.home.new(lambda: self.home.said("claude", "--headless"))
        pane = self.pane()
        pane.until(rf"^>. {kira} .*headless")
        pane.keys("v")
        pane.until(rf"(?s)-- screen {kira} --.*all my windows")
        pane.keys("x")
        pane.until(rf"stop {kira}\? y/n$")
        pane.keys("y")
        pane.until(rf"^ stopped {kira}; still running, out of hcom: {kira} \(X ends it\)$")
        pane.keys("X")
        pane.until(rf"kill {kira}\? y/n$")
        pane.keys("y")
        pane.until(rf"killed {kira}")
        pane.keys("Escape")
        pane.until("no agents")

    def test_agents_are_launched_and_started_again(self):
        self.home.stand_in("claude", 'echo "args $*"; exec sleep 600')
        self.addCleanup(self.home.run, "kill", "all")
        pane = self.begun(HCOM_TERMINAL="sh {script}")
        pane.keys("n")
        pane.text("cluade go")
        pane.keys("Enter")
        pane.until("^ launch what\\?")
        pane.keys("C-u")
        pane.text("claude terminal:nonsense")
        pane.keys("Enter")
        pane.until("^ .*terminal.*nonsense")
        pane.keys("C-u")
        pane.text("2 claude ")
        pane.keys("Tab")
        pane.until(r"headless  in:  tag:  terminal:$")
        pane.text("tag:web headless go on")
        pane.keys("Enter")
        pane.until(r"^ launched web-\w+, web-\w+$")
        pane.until(r"(?s)web-\w+ +claude .*web-\w+ +claude ")
        pane.keys("G", "v")
        pane.until(r"args .*go on")
        pane.keys("Escape", "x")
        pane.until(r"t: all 2 with its tag: web-\w+, web-\w+$")
        pane.keys("t")
        pane.until(r"^ stopped web-\w+, web-\w+; still running, out of hcom: web-\w+, web-\w+ ")
        self.assertEqual(sorted(self.home.known()), sorted([self.luna, self.nova]))

    def test_who_ended_is_resumed_and_copied(self):
        zara = self.claude("s1")
        self.hook("s1", "SessionStart", source="startup")
        self.hook("s1", "SessionEnd", reason="exit")
        note = Path(self.home.root, "args")
        self.home.stand_in("claude", f'echo "args $*" >> {note}; exec sleep 600')
        self.addCleanup(self.home.run, "kill", "all")
        pane = self.begun(HCOM_TERMINAL="sh {script}")
        pane.keys("G")
        pane.until(rf"^>○ {zara}")
        for key, asked, given in (("f", "fork", "--fork-session"), ("R", "resume", "--resume s1")):
            pane.keys(key)
            pane.until(rf"{asked} {zara}\? y/n")
            pane.keys("y")
            pane.until(r"^ launched ")
            self.home.until(lambda: given in note.read_text(), "it runs")
            pane.keys("C-l")
            pane.until(lambda screen: "\n launched" not in screen)

    def test_settings_archive_and_subscriptions(self):
        pane = self.begun()
        pane.keys("c")
        pane.until(r"(?s)-- settings --.*tag = \(empty\).*setting: KEY for")
        pane.keys("Down")
        pane.until(lambda screen: "tag = (empty)" not in screen)
        pane.keys("PgUp")
        pane.until("tag = \\(empty\\)")
        pane.text("tag a b")
        pane.keys("Enter")
        pane.until(r"(?s)> tag a b\n .*tag")
        pane.keys("C-u")
        pane.text("tag web")
        pane.keys("Enter")
        pane.until("(?s)tag = web  .* tag = web$")
        self.assertEqual(self.home.said("config", "tag"), "web\n")
        pane.keys("Escape", "s")
        pane.until(rf"> idle:{self.nova}")
        pane.keys("Tab", "Enter")
        pane.until(rf"you are told of idle:{self.nova}$")
        pane.keys("s")
        pane.until(r"^> idle")
        pane.text(f"from:{self.luna} intent:request")
        pane.keys("Enter")
        pane.until(rf"you are told of --from {self.luna} --intent request$")
        kept = "SELECT label FROM subscriptions WHERE owner = 'bigboss' ORDER BY created_at"
        first, second = f"idle:{self.nova}", f"--from {self.luna} --intent request"
        self.assertEqual(self.home.sql(kept), [(first,), (second,)])
        pane.keys("s")
        pane.until(rf"(?s)you are told of:\n\n sub-\w+  {first}\n.*{self.nova} is told of:")
        pane.text(f"end idle:{self.nova}")
        pane.keys("Enter")
        pane.until(rf"(?s)you are told of:\n\n sub-\w+  --from.* sub-\w+ has ended: {first}$")
        self.assertEqual(self.home.sql(kept), [(second,)])
        pane.keys("Escape")
        self.home.said("reset", "all")
        pane.until("no agents")
        pane.keys("A")
        pane.until(rf"(?s)-- archive --.*  1  .*{self.luna}")
        pane.text("1")
        pane.keys("Enter")
        pane.until(rf"(?s)-- archive 1 --.*#1 .*{self.luna}")
        pane.keys("Escape")
        pane.until("-- agents --")

    def test_what_is_installed_and_hooks(self):
        self.home.stand_in("claude", "exec sleep 600")
        pane = self.begun()
        pane.keys("h")
        pane.until(r"(?s)-- status --.*database .*claude .*hooks not installed.*hooks: add\|remove")
        pane.text("ad")
        pane.keys("Tab")
        pane.text("nonsense")
        pane.keys("Enter")
        pane.until("neither add nor remove: 'add nonsense'")
        pane.keys("C-w")
        pane.text("claude")
        pane.keys("Enter")
        pane.until(r"(?s)claude .*; hooks installed.*claude: hooks added to ")
        self.assertIn("installed", self.home.said("hooks", "status"))

    def test_a_window_of_any_size(self):
        pane = self.begun()
        for cols, rows in ((120, 40), (60, 15), (100, 30), (33, 4), (80, 24)):
            pane.resize(cols, rows)
        pane.until(rf"(?s)\A hcom .*? help\n-- agents -+\n.*{self.luna}.*q quit  \? keys\Z")
        pane.resize(40, 10)
        pane.until("hcom needs 60x15, here are")

    def test_another_database_is_seen(self):
        pane = self.begun()
        self.home.said("reset", "all")
        pane.until("no agents; start one with")
        luna = self.home.start()
        pane.until(rf"\+#\d+ .*{luna}  created")

    def test_a_database_that_cannot_be_had_is_said(self):
        pane = self.begun()
        aside = self.home.hcom_dir + ".aside"
        os.rename(self.home.hcom_dir, aside)
        Path(self.home.hcom_dir).touch()
        pane.until(r"\n [^\n]*\.hcom[^\n]*\Z", 40)
        pane.keys("m", "Escape")
        os.unlink(self.home.hcom_dir)
        os.rename(aside, self.home.hcom_dir)
        pane.until(lambda screen: "q quit" in screen, 40)
        self.home.said("send", "--from", "ci", "it works again")
        pane.until("it works again")

    def test_a_directory_that_is_removed_begins_anew(self):
        pane = self.begun()
        shutil.rmtree(self.home.hcom_dir)
        pane.until("no agents; start one with", 40)
        kira = self.home.start()
        pane.until(rf"(?s)^>. {kira} .*\+#\d+ .*{kira}  created", 40)
        pane.keys("b")
        pane.text("hello")
        pane.keys("Enter", "Enter")
        pane.until(rf"sent #\d+ to {kira}")

    def test_a_database_that_is_replaced_is_shown(self):
        pane = self.begun()
        db, aside = Path(self.home.hcom_dir, "hcom.db"), Path(self.home.root, "aside")
        sqlite3.connect(db).execute("VACUUM INTO ?", (str(aside),)).connection.close()
        self.home.said("send", "--from", "ci", "of the old one")
        pane.until("of the old one")
        junk = Path(self.home.root, "junk")
        junk.write_bytes(b"no database at all" * 1000)
        for ending in ("-wal", "-shm"):
            Path(f"{db}{ending}").unlink(missing_ok=True)
        os.replace(junk, db)
        pane.until("^ the database is corrupt: ", 40)
        os.replace(aside, db)
        pane.until(lambda screen: "of the old one" not in screen and "q quit" in screen, 40)
        pane.until(rf"{self.nova}  created")
        self.home.said("send", "--from", "ci", "of the new one")
        pane.until("»#3 .*ci → ")

    def test_two_dashboards_at_once(self):
        one, other = self.begun(), self.begun()
        one.keys("b")
        one.text("freeze")
        one.keys("Enter", "Enter")
        other.until("(?s)bigboss → everyone.*freeze")
        self.home.said("send", "--name", self.luna, "--intent", "request", "@bigboss now?")
        for pane in (one, other):
            pane.until("1 unread by you")
        one.keys("j")
        other.until(lambda screen: "unread by you" not in screen)
        other.keys("a", "y", "Enter")
        one.until(lambda screen: "need you" not in screen and f"bigboss → {self.luna}" in screen)
        other.keys("Escape", "x")
        other.until(r"\? y/n$")
        other.keys("y")
        one.until("stopped by bigboss")
        other.keys("q")
        self.assertEqual(other.until_ended(), 0)
        self.home.said("send", "--from", "ci", "still here")
        one.until("still here")

    def test_a_locked_database_keeps_what_is_typed(self):
        pane = self.begun()
        db = sqlite3.connect(os.path.join(self.home.hcom_dir, "hcom.db"))
        self.addCleanup(db.close)
        db.execute("BEGIN IMMEDIATE")
        pane.keys("b")
        pane.text("hello")
        pane.keys("Enter", "Enter")
        pane.until("(?s)> hello\n the database is locked")
        db.rollback()
        pane.keys("Enter")
        pane.until("sent #3")

    def test_nothing_hostile_reaches_the_terminal(self):
        """Names, texts and details as bytes: none of what they hold is obeyed."""
        self.home.said("send", "--from", "ci", "placeholder")
        text: dict = {
            "from": "\x1b]0;OWNED\x07",
            "text": "\x1b]0;OWNED\x07\x9b2J\u202e" + "\u200b" * 99,
        }
        text |= {"scope": "mentions", "sender_kind": "external", "delivered_to": ["\x1b[2J"]}
        self.home.change(f"UPDATE events SET data = '{json.dumps(text)}' WHERE id = 3")
        self.home.change("UPDATE events SET instance = char(27) || ']0;OWNED' WHERE id = 3")
        hostile = "char(27) || ']0;OWNED' || char(7) || char(8238, 8203, 155)"
        for column in ("directory", "detail", "context", "tag", "wake_failure", "session"):
            self.home.change(f"UPDATE agents SET {column} = {hostile}")
        log = Path(self.home.root, "bytes")
        pane = self.pane(["script", "-qec", "hcom", str(log)])
        pane.until(r"OWNED")
        pane.keys("Tab", "Enter")
        pane.until("-- event 3 --")
        pane.keys("Escape", "Tab")
        for key, shown in (
            ("Enter", "session id .*OWNED"),
            ("x", r"stop .+-\w+\? y/n, t: all 2"),
            ("T", "> .*OWNED"),
            ("t", "-- transcript"),
            ("v", "-- screen"),
        ):
            pane.keys(key)
            pane.until(shown)
            pane.keys("Escape")
            pane.until("^ Esc back|^ Enter open")
        pane.keys("q")
        pane.until_ended()
        data = log.read_bytes()
        self.assertIn(b"OWNED", data)
        for sign in (b"\x1b]0;OWNED", b"\xc2\x9b", "\u202e".encode(), "\u200b".encode()):
            self.assertNotIn(sign, data)

    def test_who_is_killed_leaves_a_terminal_that_works(self):
        pane = self.pane(["sh", "-c", "hcom; echo ended with $?; stty -a; exec cat"])
        pane.until("-- agents --")
        shell = pane.pid
        (front,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        (drawer,) = Path(f"/proc/{front}/task/{front}/children").read_text().split()
        os.kill(int(drawer), signal.SIGKILL)
        screen = pane.until(r"(?s)ended with 137.* echo ")
        self.assertNotIn("-- agents --", screen)
        self.assertIn(" icanon", screen)

    def test_it_ends_with_who_looks_after_it_and_at_a_signal(self):
        for number, asked in ((signal.SIGKILL, None), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(number):
                pane = self.begun()
                drawer = self.drawer(pane)
                pane.kill(number)
                code = pane.until_ended()
                if asked:
                    self.assertEqual(code, asked)
                self.home.until(lambda: not os.path.exists(f"/proc/{drawer}"), "it has ended")
                self.over(self.tmux)

    def test_ctrl_z_and_back(self):
        pane = self.pane(["bash", "--norc"], PS1="$ ")
        pane.until(r"^\$")
        pane.text("hcom\n")
        pane.until("-- agents --")
        pane.keys("C-z")
        pane.until(lambda screen: "Stopped" in screen and "-- agents --" not in screen)
        pane.text("echo still-$((40+2))\n")
        pane.until("^still-42")
        pane.text("fg\n")
        pane.until(rf"(?s)-- agents --.*{self.luna}")
        pane.keys("q")
        pane.until(lambda screen: "-- agents --" not in screen)

    def test_a_terminal_that_cannot_show_it(self):
        for term in ("dumb", "no-such-terminal", ""):
            with self.subTest(term):
                pane = self.pane(TERM=term)
                self.assertEqual(pane.until_ended(), 0)
                pane.until(r"(?s)adhoc.*hcom --help tells what else there is")
                self.over(self.tmux)

    def test_an_agent_gets_the_list(self):
        pane = self.pane(CLAUDECODE="1", CLAUDE_CODE_SESSION_ID="s1")
        pane.until("hcom --help tells what else there is")
        self.assertEqual(pane.until_ended(), 0)

    def test_colours_where_there_are_such_and_wanted(self):
        for term, setting, wanted in (
            ("xterm-256color", "", True),
            ("screen", "", True),  # eight
            ("vt100", "", False),
            ("xterm-256color", "1", False),
        ):
            with self.subTest(term, setting=setting):
                styled = self.begun(TERM=term, NO_COLOR=setting).styled()
                self.assertEqual(bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", styled)), wanted)
                self.assertNotRegex(styled, r"\x1b\[[0-9;]*4[0-7]m")  # light or dark stays
                self.assertRegex(styled, r"\x1b\[[0-9;]*7m")  # who is selected, without colour too
                self.over(self.tmux)


if __name__ == "__main__":
    unittest.main()
