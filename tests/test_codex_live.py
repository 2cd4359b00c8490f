"""Real Codex sessions in hcom, against a model server on loopback."""

import json
import os
import unittest

from tests.rig.clients import requires
from tests.rig.room import MESSAGE, Room, entered
from tests.rig.settings import Permissions

DONE = r"^• all-ok$"  # as the model says it, not as it stands in the prompt
BOOTSTRAP = "a message bus between AI coding agents"


class Codex(Room):
    """Its agents are known by their sessions."""

    tool = "codex"
    patience = 30

    def is_called(self, key: str, agent: dict) -> bool:
        return agent["session_id"] == key

    def until_told(self, session: str, messages: list[int], timeout: float = 40) -> None:
        """Each of the messages has reached the model, once."""
        self.until(lambda: set(messages) <= set(self.told(session)), timeout)
        # Sorted: of tools that ran side by side, the client orders the contexts by itself.
        shown = sorted(i for i in self.told(session) if i in messages)
        if shown != sorted(messages):
            raise AssertionError(f"sent {messages}, shown {shown}")


class Live(unittest.TestCase):
    """A mixin would be collected too: this has no tests of its own."""

    client = "codex"

    def room(self, permissions: Permissions = Permissions.FREE) -> Codex:
        return entered(self, Codex(permissions, self.client))


def reviewed(room: "Codex"):
    """luna's pane: a Codex that hcom did not launch, whose person has trusted the new hooks."""
    luna = room.world.pane("luna", ["codex", "--no-daemon"])
    luna.until("Hooks need review")
    luna.settle()
    luna.keys("2", "Enter")
    luna.until("Ask Codex to do anything")
    luna.settle()
    return luna


@requires("codex")
class Launched(Live):
    def test_it_is_told_of_hcom_and_no_dialog_asks_about_hooks(self):
        room = self.room()
        before = {
            p.relative_to(room.world.home): p.read_bytes()
            for p in (room.world.home / ".codex").rglob("*")
            if p.is_file()
        }
        luna = room.agent("luna")
        self.assertNotIn("review", luna.screen())
        asked = luna.ask("RUN: hcom list self name\nSAY: all-ok")
        self.assertEqual(asked.text.count(BOOTSTRAP), 1)
        luna.until(DONE)
        name = room.agent_of(asked.session)["name"]
        heard = room.world.model.until(lambda r: "Output:" in r.fresh, session=asked.session)
        self.assertIn(name, heard.fresh)
        room.until_status(asked.session, "listening")
        self.assertFalse((room.world.home / ".codex/hooks.json").exists())
        for path, data in before.items():
            if path.name == "config.toml":
                self.assertNotIn("hcom", (room.world.home / path).read_text())

    def test_where_hooks_are_turned_off_no_turn_is_paid_for(self):
        room = self.room()
        with open(room.world.home / ".codex/config.toml", "a", encoding="utf-8") as config:
            config.write("[features]\nhooks = false\n")
        room.agent("luna")
        room.pays_nothing_for(self, "luna")

    def test_mid_turn_by_the_result_of_a_tool(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("RUN: sleep 3\nRUN: true\nSAY: all-ok")
        room.until_status(asked.session, "active")
        sent = room.send("while you work")
        luna.until(DONE)
        got = room.world.model.until(f"message #{sent} from ci", session=asked.session)
        self.assertIn("Process exited", got.fresh)
        room.until_status(asked.session, "listening")
        self.assertEqual(room.told(asked.session), [sent])

    def test_the_end_of_a_turn_goes_on_with_what_came_meanwhile(self):
        room = self.room()
        luna = room.agent("luna")
        room.world.model.rule(r"message #(\d+) from ci", r"SAY: answered-\1")
        asked = luna.ask("STALL: 4\nSAY: all-ok")
        room.until_status(asked.session, "active")
        sent = room.send("before you stop")
        luna.until(f"answered-{sent}$")
        got = room.world.model.until(f"message #{sent} from ci", session=asked.session)
        self.assertIn("<hook_prompt", got.fresh)
        room.until_status(asked.session, "listening")
        self.assertEqual(room.told(asked.session), [sent])

    def test_what_a_turn_end_would_spoil_waits_for_the_next_prompt(self):
        room = self.room()
        luna = room.agent("luna")
        code = "if (a < b && c > d) {} " + "'\"`$HOME`\"' @file /clear ? ! 🎉\n" * 400 + "the end"
        asked = luna.ask("STALL: 4\nSAY: all-ok")
        room.until_status(asked.session, "active")
        sent = room.send(code, f"@{room.agent_of(asked.session)['name']}")
        room.until_told(asked.session, [sent])
        got = room.world.model.until(f"message #{sent} from ci", session=asked.session)
        self.assertNotIn("<hook_prompt", got.fresh)
        self.assertIn(code, got.text)

    def test_an_idle_one_is_woken_and_long_texts_come_whole(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        room.until_status(asked.session, "listening")
        text = "0123456789 <tag> & 'quotes'\n" * 3500 + "the very end"
        sent = room.send(text)
        room.until_told(asked.session, [sent])
        self.assertIn(text, room.world.model.requests(session=asked.session)[-1].text)
        room.until_status(asked.session, "listening")

    def test_parallel_tools_and_many_rounds_get_each_message_once(self):
        room = self.room()
        luna = room.agent("luna")
        round_ = "RUN: echo one\nAND RUN: echo two\nAND RUN: echo three\n"
        luna.submit(round_ * 25 + "SAY: all-over")
        session = room.until(lambda: room.world.model.requests())[0].session
        sent = []
        while "• all-over" not in luna.screen() and len(sent) < 60:
            sent.append(room.send(f"message {len(sent)}"))
        self.assertGreater(len(sent), 10)
        room.until_told(session, sent)

    def test_a_turn_end_can_be_continued_any_number_of_times(self):
        room = self.room()
        luna = room.agent("luna")
        room.world.model.rule(r"message #(\d+) from \w+", r"RUN: hcom send --from ci next-\1")
        room.world.model.rule(r"never", "SAY: x")
        asked = luna.ask("STALL: 2\nSAY: all-ok")
        room.until_status(asked.session, "active")
        # Each message makes its own successor, which comes with that command's result or later.
        room.send("first")
        room.until(lambda: len(room.told(asked.session)) >= 20, 60)
        told = room.told(asked.session)
        self.assertEqual(told, sorted(set(told)))

    def test_esc_ends_the_turn_and_loses_nothing(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("RUN: sleep 1\nSTALL: 20\nSAY: never-said")
        sent = room.send("with the tool's result")
        room.world.model.until(f"message #{sent} from ci", session=asked.session)
        luna.keys("Escape")
        luna.until("interrupted")
        room.until_status(asked.session, "listening")
        luna.ask("SAY: after-esc")
        luna.until("^• after-esc$")
        later = room.send("later")
        room.until_told(asked.session, [sent, later])

    def test_new_and_clear_and_a_fork_in_place_are_the_same_agent(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        gone = {"/new": "all-ok", "/clear": "all-ok", "/fork": "nothing that it shows"}
        for command, left in gone.items():
            with self.subTest(command=command):
                luna.submit(command)
                luna.until(lambda screen: left not in screen)
                if command == "/fork":
                    luna.until("Fork created")
                luna.settle()
                asked = luna.ask("SAY: all-ok")
                self.assertEqual(room.until_status(asked.session, "listening")["name"], name)
                self.assertIn(BOOTSTRAP, asked.text)
                sent = room.send("do you read me")
                room.until_told(asked.session, [sent])
                room.until_status(asked.session, "listening")
        self.assertEqual(len(room.agents()), 1)

    def test_resume_keeps_the_name_and_its_mail_and_a_fork_is_another(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        luna.settle()  # while the last hook ends, Ctrl-C would only interrupt
        luna.keys("C-c")
        luna.until_ended()
        room.until_status(asked.session, "inactive")
        sent = room.send(f"@{name} while you were away")
        home = room.world.project("p-luna")
        again = room.agent("again", "resume", asked.session, cwd=home)
        room.until_told(asked.session, [sent])
        self.assertEqual(room.until_status(asked.session, "listening")["name"], name)
        again.settle()
        again.keys("C-c")
        again.until_ended()
        fork = room.agent("fork", "fork", asked.session, cwd=home)
        forked = fork.ask("SAY: forked")
        fork.until("^• forked$")
        self.assertNotEqual(forked.session, asked.session)
        other = room.until_status(forked.session, "listening")["name"]
        self.assertNotEqual(other, name)
        self.assertEqual(room.agent_of(asked.session)["name"], name)

    def quit(self, room: Codex, pane, session: str) -> None:
        """The client has ended, once its last hook has."""
        pane.settle()
        pane.keys("C-c")
        pane.until_ended()
        room.until_status(session, "inactive")

    def assert_reached(self, room: Codex, pane, name: str, session: str) -> None:
        """The wrapper of the pane is the agent's: it wakes it, shows its screen, ends it."""
        room.until_status(session, "listening")
        sent = room.send("do you read me", f"@{name}")
        room.until_told(session, [sent], 15)
        room.until_status(session, "listening")
        self.assertIn("Ask Codex", room.hcom("term", name))
        woken = [(e["action"], e["agent"], e["pid"]) for e in room.log("wake.done")]
        self.assertEqual(woken, [("paste", name, pane.pid), ("enter", name, pane.pid)])
        self.assertIn(f"killed {name}", room.hcom("kill", name))
        pane.until_ended()

    def test_a_launch_that_goes_on_with_a_known_session_is_that_agent(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        self.quit(room, luna, asked.session)
        home = room.world.project("p-luna")
        again = room.agent("again", "resume", "--last", cwd=home)
        again.ask("SAY: here-again")
        again.until("^• here-again$")
        self.assertEqual([a["name"] for a in room.agents()], [name])
        self.assert_reached(room, again, name, asked.session)

    def test_a_wrapped_client_that_takes_up_another_name_is_that_agent(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        self.quit(room, luna, asked.session)
        nova = room.agent("nova")
        asked = nova.ask(f"RUN: hcom start --as {name}\nSAY: all-ok")
        nova.until(DONE)
        self.assertEqual([a["name"] for a in room.agents()], [name])
        self.assert_reached(room, nova, name, asked.session)

    def test_an_approval_dialog_shows_as_blocked_and_nothing_is_typed(self):
        room = self.room(Permissions.STOCK)
        luna = room.agent("luna")
        asked = luna.ask("RUN: rm -rf ../other\nSAY: all-ok")
        luna.until("Would you like to run")
        shown = room.until_status(asked.session, "blocked")
        self.assertIn("rm -rf ../other", shown["status_detail"])
        screen = luna.settle()
        sent = [room.send(f"y {i}") for i in range(10)]
        room.considered(shown["name"])
        self.assertEqual(luna.settle(), screen)
        luna.keys("Escape")
        room.until_told(asked.session, sent)
        room.until_status(asked.session, "listening")

    def test_a_draft_is_never_sent_and_what_waited_comes_once_it_is_gone(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask("SAY: all-ok")
        luna.until(DONE)
        name = room.until_status(asked.session, "listening")["name"]
        luna.text("half a thought")
        luna.until("half a thought")
        sent = room.send("are you there")
        room.considered(name)
        self.assertIn("› half a thought", luna.screen())
        self.assertEqual(room.told(asked.session), [])
        luna.keys("C-u")
        room.until_told(asked.session, [sent])
        for request in room.world.model.requests(kind=""):
            self.assertNotIn("half a thought", json.dumps(request.body))

    def test_the_files_of_a_patch_are_recorded_as_absolute_paths(self):
        room = self.room()
        with open(room.world.home / ".codex/config.toml", "a") as config:
            config.write('[notice.model_migrations]\n"gpt-5.5" = "gpt-6-sol"\n')
        luna = room.agent("luna", "-m", "gpt-5.5")  # one that has apply_patch as a tool
        luna.ask("WRITE: a.txt one\nSAY: all-ok")
        luna.until(DONE)
        path = str((room.world.project("p-luna") / "a.txt").resolve())
        self.assertTrue(os.path.exists(path))
        room.until(
            lambda: any(
                e["data"]["detail"] == path
                for e in room.events("status_context = 'tool:apply_patch'")
            )
        )

    def test_its_shell_finds_hcom_where_the_profile_loses_it(self):
        room = self.room()
        (room.world.home / ".profile").write_text("PATH=/usr/bin:/bin:/mine\n")
        luna = room.agent("luna")
        asked = luna.ask("RUN: hcom --version; echo PATH=$PATH; command -v codex\nSAY: all-ok")
        luna.until(DONE)
        heard = room.world.model.until(lambda r: "Output:" in r.fresh, session=asked.session)
        self.assertRegex(heard.fresh, r"hcom \d")
        self.assertIn(f"/usr/bin:/bin:/mine:{room.world.bin}\n", heard.fresh)

    def test_headless(self):
        room = self.room()
        room.world.model.rule(r"message #(\d+) from ci", r"SAY: answered-\1")
        room.hcom("codex", "exec", "--skip-git-repo-check", "RUN: sleep 4\nSAY: all-ok")
        asked = room.world.model.until("RUN: sleep 4")
        self.assertIn(BOOTSTRAP, asked.text)
        room.until_status(asked.session, "active")
        sent = room.send("while you work")
        room.until_told(asked.session, [sent])
        room.until_status(asked.session, "inactive")

    def test_a_subagent_joins_under_a_name_of_its_own(self):
        room = self.room()
        luna = room.agent("luna")
        # The rule speaks for the subagent alone: only it is told so.
        room.world.model.rule(r"first run: (hcom start --name [\w-]+)", r"RUN: \1")
        room.world.model.rule(r"You are (')(\w+_1)'", "RUN: hcom send -- I am here; sleep 4")
        asked = luna.ask("AGENT: RUN: true\nSTALL: 12\nSAY: all-ok")
        name = room.until(lambda: room.agent_of(asked.session)).get("name")
        room.until(lambda: f"{name}_1" in [a["name"] for a in room.agents()])
        sent = room.send("for you alone", f"@{name}_1")
        room.until(
            lambda: any(
                f"message #{sent} from" in r.text
                for r in room.world.model.requests(session=asked.session)
                if r.agent
            )
        )
        luna.until(DONE)
        self.assertNotIn(
            sent,
            [
                int(i)
                for r in room.world.model.requests(session=asked.session, agent="")
                for i in MESSAGE.findall(r.text)
            ],
        )

    def test_a_subagent_never_reads_or_speaks_for_its_parent(self):
        room = self.room()
        luna = room.agent("luna")
        asked = luna.ask(
            "AGENT: RUN: sleep 2; hcom send -- I am the parent > out.txt 2>&1\n"
            "RUN: sleep 1\nSTALL: 8\nSAY: all-ok"
        )
        child = room.world.model.until(lambda r: r.agent, session=asked.session)
        sent = room.send("for the parent")
        room.until(
            lambda: (
                sent in room.told(asked.session)
                or any(
                    sent in map(int, MESSAGE.findall(r.text))
                    for r in room.world.model.requests(session=asked.session)
                )
            )
        )
        luna.until(DONE)
        out = room.world.projects[-1] / "out.txt"
        room.until(lambda: out.exists() and out.read_text())
        self.assertIn("who are you", out.read_text())
        for request in room.world.model.requests(session=asked.session, agent=child.agent):
            self.assertNotIn(f"message #{sent}", request.text)


@requires("codex-old")
class LaunchedOld(Live):
    """What the version before does with mail; the rest is tried with the newest alone."""

    client = "codex-old"
    test_mid_turn = Launched.test_mid_turn_by_the_result_of_a_tool
    test_turn_end = Launched.test_the_end_of_a_turn_goes_on_with_what_came_meanwhile
    test_idle = Launched.test_an_idle_one_is_woken_and_long_texts_come_whole
    test_once = Launched.test_parallel_tools_and_many_rounds_get_each_message_once
    test_a_draft = Launched.test_a_draft_is_never_sent_and_what_waited_comes_once_it_is_gone
    test_a_dialog = Launched.test_an_approval_dialog_shows_as_blocked_and_nothing_is_typed


@requires("codex")
class Sandboxed(Live):
    COMMANDS = (
        "hcom send -- hello there",
        "hcom list",
        "hcom events --last 2",
        "hcom status",
        "hcom send --stdin <<E\n  from $HOME\n  E",
        "hcom --help",
    )

    def outputs(self, room: Room, luna, commands) -> dict[str, str]:
        """What each command printed, run by the agent; no dialog may come up."""
        said = {}
        for number, command in enumerate(commands):
            asked = luna.ask(f"RUN: {command}\nSAY: done-{number}")
            luna.until(rf"^• done-{number}$")
            heard = room.world.model.until(
                lambda r: "Output:" in r.fresh and r.t > asked.t, session=asked.session
            )
            said[command] = heard.fresh
        return said

    def test_commands_work_in_the_default_sandbox_without_a_prompt(self):
        room = self.room(Permissions.STOCK)
        luna = room.agent("luna")
        for command, said in self.outputs(
            room, luna, [*self.COMMANDS, "hcom listen 1", "cd /tmp && hcom listen 1"]
        ).items():
            with self.subTest(command=command):
                self.assertRegex(said, "exited with code [01]\n")
                self.assertNotIn("cannot", said)
                self.assertEqual("exited with code 1" in said, "listen" in command)

    def test_and_without_rules_by_the_writable_root(self):
        room = self.room(Permissions.STOCK)
        luna = room.agent("luna", env={"HCOM_AUTO_APPROVE": "0"})
        self.assertFalse((room.world.home / ".codex/rules/hcom.rules").exists())
        for command, said in self.outputs(room, luna, self.COMMANDS).items():
            with self.subTest(command=command):
                self.assertIn("exited with code 0", said)
                self.assertEqual("as far as a sandbox lets" in said, command == "hcom status")
                self.assertNotIn("HCOM_DIR=$PWD", said)

    def test_and_in_the_read_only_one(self):
        room = self.room(Permissions.STOCK)
        luna = room.agent("luna", "-s", "read-only")
        plain = [c for c in self.COMMANDS if "<<" not in c]
        for command, said in self.outputs(room, luna, plain).items():
            with self.subTest(command=command):
                self.assertIn("exited with code 0", said)

    def test_what_is_not_safe_stays_inside(self):
        room = self.room(Permissions.STOCK)
        outside = room.world.home / "outside"
        room.world.shim("probe", f"#!/bin/sh\necho out > {outside}\n")
        work = room.world.project("work")
        (room.world.home / ".profile").write_text(f"PATH={work}:{room.world.bin}:/usr/bin:/bin\n")
        luna = room.agent("luna", cwd=work)
        launcher = room.hcom_dir / ".agents/hook"
        before = launcher.read_bytes()

        def files():
            return {
                p.name: p.is_symlink() or p.read_bytes()
                for p in room.hcom_dir.iterdir()
                if p.is_file()
            }

        others = files()
        self.outputs(
            room,
            luna,
            [
                "hcom config terminal 'probe {script}'; probe; true",
                "hcom run probe; hcom 1 codex; hcom reset; hcom kill all; probe; true",
                # A hook runs outside, so what it runs must be out of reach.
                "for f in $HCOM_DIR/hook $HCOM_DIR/.agents/hook; do echo probe >> $f; done; true",
                "mv $HCOM_DIR/.agents $HCOM_DIR/x; mkdir $HCOM_DIR/.agents; true",
                # Nor may the person's next launch run its words, or a program of its own.
                "cd $HCOM_DIR; for f in config.env scripts/x.py logs/hcom.log x; do "
                "mkdir scripts; echo HCOM_TERMINAL=probe >> $f; done; ln -sf x hcom.db; true",
                r"printf '#!/bin/sh\nprobe\n' > hcom; chmod +x hcom; "
                "mkdir -p $HCOM_DIR/.agents/bin; cp hcom $HCOM_DIR/.agents/bin/; true",
                "hcom list",
                # Nor another folder in the place of one that hcom writes to.
                "cd $HCOM_DIR/run; for d in *; do mv $d $d-x; ln -sn $HOME $d; done; "
                "cd ..; mv db db-x; ln -sn $HOME db; true",
            ],
        )
        self.assertFalse(outside.exists())
        for folder in (*(room.hcom_dir / "run").iterdir(), room.hcom_dir / "db"):
            self.assertFalse(folder.is_symlink(), folder)
        self.assertEqual(launcher.read_bytes(), before)
        self.assertEqual(files(), others)
        self.assertEqual(os.readlink(room.hcom_dir / "hcom.db"), "db/hcom.db")
        self.assertFalse((room.hcom_dir / "scripts").exists())


if __name__ == "__main__":
    unittest.main()
