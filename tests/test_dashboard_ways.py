"""Ways through the dashboard on a terminal: to windows, through threads, to workflows, by mouse."""

from pathlib import Path

from tests.dashboard import Dashboard
from tests.rig.pane import IN_TMUX, script


class Ways(Dashboard):
    def test_to_the_window_of_an_agent(self):
        self.home.stand_in("claude", "echo kira is here; exec sleep 600")
        self.addCleanup(self.home.run, "kill", "all")
        pane = self.begun(HCOM_TERMINAL="tmux-window", **IN_TMUX)
        pane.keys("o")
        pane.until("has no window that hcom knows")
        pane.keys("n")
        pane.text("claude")
        pane.keys("Enter")
        pane.until(r"(?s) claude .*^ launched (\w+)$")
        pane.keys("G", "o")
        pane.until("^kira is here")
        self.tmux("select-window", "-t", "one:0")
        pane.until(r"^ here is \w+$")
        # one that the person started in a pane: no window that hcom opened
        given = script(["hcom", "claude"], Path(self.home.work), {**self.env, **IN_TMUX})
        self.tmux("new-window", "-d", "-t", "one:7", given)
        pane.until(r"(?s) claude .* claude ")
        pane.keys("k", "o")
        self.home.until(lambda: pane.fact("#{window_index}") == "7", "its window is shown")

    def test_threads_are_folded_and_a_reply_leads_to_what_it_answers(self):
        asked = ["send", "--name", self.luna, f"@{self.nova}"]
        self.home.said(*asked[:3], "--thread", "auth", asked[3] + " first of them")
        for number in range(4, 30):
            self.home.said(*asked, f"number {number}")
        self.home.said("send", "--name", self.nova, "--reply-to", "3", "the answer")
        pane = self.pane()
        pane.until("»#30 ")
        pane.keys("Tab", "z")
        pane.until(rf"^>»#30 .*{self.nova} → {self.luna} +th:auth \(\+1\) ↩ #3")
        pane.keys("Enter")
        pane.until(r"(?s)-- thread auth --.*^ #3 .*first of them.*^ #30 .*the answer$")
        pane.keys("r")
        pane.until(f"to {self.nova}, #30")
        pane.keys("Escape", "e")
        pane.until(rf"^>»#3 .*{self.luna} → {self.nova} +th:auth")

    def test_a_workflow_is_run(self):
        script = Path(self.home.hcom_dir, "scripts", "survey.sh")
        script.parent.mkdir()
        script.write_text("# Ask them all\necho asked $1; hcom send --from survey @bigboss done")
        pane = self.begun()
        pane.keys("w")
        pane.until(r"(?s)-- run --.*debate +\w.*survey +Ask them all.*run: SCRIPT")
        pane.text("surwey")
        pane.keys("Enter")
        pane.until("^ no script 'surwey'")
        pane.keys("C-u")
        pane.text("surv")
        pane.keys("Tab")
        pane.text("'of us'")
        pane.keys("Enter")
        pane.until(r"(?s)-- [\d.]+-survey\n asked of us\n.*ended with 0", 60)
        pane.keys("w")
        pane.text("survey again")
        pane.keys("Enter")
        pane.until("^ survey runs; ")
        pane.keys("Escape")
        pane.until(r"(?s)survey → bigboss.*^ [\d.]+-survey ended with 0; w shows what it said", 60)

    def test_a_setting_is_explained_set_and_emptied(self):
        pane = self.begun()
        pane.keys("c")
        pane.until("^ setting: KEY")
        pane.text("tagg")
        pane.keys("Enter")
        pane.until("no setting 'tagg'")
        pane.keys("C-u")
        pane.text("tag")
        pane.keys("Enter")
        pane.until(r"(?s)-- settings tag --.*now \(empty\).*The agents of one tag.*^> tag$")
        pane.text("web")
        pane.keys("Enter")
        pane.until(r"(?s)now web .*^ tag = web")
        pane.keys("c")
        pane.text('tag ""')
        pane.keys("Enter")
        pane.until("^ tag =$")
        self.assertEqual(self.home.said("config", "tag"), "\n")

    def test_the_mouse_selects_opens_and_scrolls(self):
        pane = self.begun()

        def mouse(button: int, row: int) -> None:  # as X10 has it, what this TERM is known for
            for one in (button, 3):  # and let go
                pane.text("\x1b[M" + "".join(chr(32 + part) for part in (one, 5, row + 1)))

        pane.keys("M")
        pane.until("the mouse is hcom's")
        self.assertEqual(pane.fact("#{mouse_any_flag}"), "1")
        mouse(0, 3)
        pane.until(rf"^>▶ {self.luna}")
        mouse(0, 5)
        pane.until(r"^>\+#1")
        mouse(65, 5)
        pane.until(r"^>\+#2")
        mouse(64, 5)
        pane.until(r"^>\+#1")
        mouse(0, 5)
        pane.until("-- event 1 --")
        pane.keys("M")
        pane.until("the mouse is free")
        self.assertEqual(pane.fact("#{mouse_any_flag}"), "0")
        pane.keys("M", "q")
        pane.until_ended()
        self.assertEqual(pane.fact("#{mouse_any_flag}"), "0")
