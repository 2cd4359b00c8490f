"""Terminals: the preset table, a person's own presets, custom commands, and which one is chosen."""

import os
import tempfile
import unittest

from hcom.errors import HcomError
from hcom.terminal import (
    Opener,
    Platform,
    ancestors,
    builtin,
    choose,
    known,
    parse_custom,
    parse_user,
    platform_of,
    settings,
)
from hcom.terminal.preset import NoId, fill, id_parts, placeholders
from hcom.terminal.window import label

LINUX, MACOS, WSL = Platform.LINUX, Platform.MACOS, Platform.WSL
ALL = [
    "tmux",
    "zellij",
    "screen",
    "kitten",
    "kitty",
    "wezterm",
    "ghostty",
    "alacritty",
    "gnome-terminal",
    "konsole",
    "xfce4-terminal",
    "xterm",
    "osascript",
    "open",
    "wt.exe",
    "ttab",
]
SPEC = [
    "Terminal.app",
    "iTerm",
    "Ghostty",
    "kitty",
    "WezTerm",
    "Alacritty",
    "ttab",
    "tmux-split",
    "wezterm-tab",
    "kitty-tab",
    "gnome-terminal",
    "tmux-window",
    "zellij",
    "konsole",
    "xterm",
    "xfce4-terminal",
    "screen",
    "wt",
]
X = {"DISPLAY": ":0"}
TMUX = {"TMUX": "/tmp/tmux-0/default,1,0", "TMUX_PANE": "%0"}
ZELLIJ = {"ZELLIJ": "0", "ZELLIJ_SESSION_NAME": "s"}
KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}


def which(*programs):
    return lambda name: f"/bin/{name}" if name in programs else None


class Table(unittest.TestCase):
    def test_every_named_preset_is_there(self):
        for platform in Platform:
            self.assertEqual({name.casefold() for name in SPEC}, set(builtin(platform)))

    def test_each_preset_is_complete(self):
        for platform in Platform:
            for preset in builtin(platform).values():
                with self.subTest(preset.name, platform=platform):
                    self.assertIn("script", placeholders(preset.open))
                    self.assertTrue(preset.about and preset.source)
                    self.assertEqual(bool(preset.close) and isinstance(preset.id, NoId), False)
                    for name in placeholders(preset.close):
                        self.assertIn(name, id_parts(preset))
                    if preset.full:
                        self.assertIn(preset.full.use, builtin(platform))

    def test_applescript_gets_the_path_as_an_argument_only(self):
        for preset in builtin(MACOS).values():
            if preset.program == "osascript":
                for argv in (preset.open, preset.close):
                    self.assertEqual([], placeholders(argv[:-1]))
                    self.assertEqual(1, len(placeholders(argv[-1:])))

    def test_linux_presets_work_under_wsl(self):
        for preset in builtin(WSL).values():
            self.assertEqual(
                LINUX in preset.platforms,
                WSL in preset.platforms and preset.name != "wt",
                preset.name,
            )

    def test_help_names_default_presets_and_custom(self):
        listed = [name for name, about in settings(builtin(LINUX)) if about]
        self.assertEqual(["default", *listed[1:-1], "custom"], listed)
        self.assertEqual(set(SPEC), set(listed[1:-1]))


class Filling(unittest.TestCase):
    CASES = [
        (("a", "{script}"), {"script": "/x y"}, (), ["a", "/x y"]),
        (("{script}.{cwd}",), {"script": "{cwd}", "cwd": "c"}, (), ["{cwd}.c"]),
        (("#{pid} ${HOME} {x", "{script}"), {"script": "s"}, (), ["#{pid} ${HOME} {x", "s"]),
        (("{script}",), {"script": "a;$b"}, ((";", "\\;"), ("$", "\\$")), ["a\\;\\$b"]),
        (("a;b{script}",), {"script": ""}, ((";", "\\;"),), ["a;b"]),
    ]

    def test_fill(self):
        for argv, values, escape, expected in self.CASES:
            with self.subTest(argv):
                self.assertEqual(expected, fill(argv, values, escape))

    def test_labels_hold_nothing_a_terminal_would_act_on(self):
        for title, expected in [
            ("api-luna", "api-luna"),
            ("--help", "help"),
            ("#(touch x);", "touch x--"),
            ("a\x1b]0;b\n", "a--0-b-"),
            ("", "hcom"),
            ("--", "hcom"),
            ("größe 7", "größe 7"),
        ]:
            with self.subTest(title):
                self.assertEqual(expected, label(title))


class Choice(unittest.TestCase):
    # setting, environment, platform, programs there, the preset chosen
    CASES = [
        ("kitty", X, LINUX, ALL, "kitty"),
        ("KITTY", X, LINUX, ALL, "kitty"),
        (" terminal.APP ", {}, MACOS, ALL, "Terminal.app"),
        ("tmux-window", {}, LINUX, ALL, "tmux-window"),
        ("default", {**X, **TMUX}, LINUX, ALL, "tmux-split"),
        ("", {**X, **TMUX}, LINUX, ALL, "tmux-split"),
        ("Default", {**X, **KITTY, **TMUX}, LINUX, ALL, "tmux-split"),
        ("default", TMUX, LINUX, ["tmux"], "tmux-split"),
        ("default", {**X, **TMUX}, LINUX, ["xterm"], "xterm"),
        ("default", {**X, **KITTY, **ZELLIJ}, LINUX, ALL, "zellij"),
        ("default", {"STY": "1.a", "WINDOW": "0"}, LINUX, ALL, "screen"),
        ("default", {**X, **KITTY}, LINUX, ALL, "kitty"),
        ("default", {**X, **KITTY, "KITTY_LISTEN_ON": "unix:@k"}, LINUX, ALL, "kitty-tab"),
        ("default", {"TERM_PROGRAM": "WezTerm", "WEZTERM_PANE": "0"}, LINUX, ALL, "wezterm-tab"),
        ("default", {**X, "TERM_PROGRAM": "ghostty"}, LINUX, ALL, "Ghostty"),
        ("default", {"TERM_PROGRAM": "ghostty"}, MACOS, ALL, "Ghostty"),
        ("default", {"TERM_PROGRAM": "iTerm.app"}, MACOS, ALL, "iTerm"),
        ("default", {"TERM_PROGRAM": "Apple_Terminal"}, MACOS, ALL, "Terminal.app"),
        ("default", {**X, "KONSOLE_VERSION": "221203"}, LINUX, ALL, "konsole"),
        ("default", {**X, "XTERM_VERSION": "XTerm(379)"}, LINUX, ALL, "xterm"),
        ("default", {**X, "GNOME_TERMINAL_SCREEN": "/o"}, LINUX, ALL, "gnome-terminal"),
        # the outer terminal's variables are inherited, TERM is the inner one's own
        ("default", {**X, **KITTY, "KONSOLE_VERSION": "1"}, LINUX, ALL, "kitty"),
        ("default", {**X, "TERM": "alacritty", "KITTY_WINDOW_ID": "1"}, LINUX, ALL, "Alacritty"),
        ("default", {**X, "WT_SESSION": "g"}, WSL, ALL, "wt"),
        ("default", {}, MACOS, ALL, "Terminal.app"),
        ("default", {}, WSL, ALL, "wt"),
        ("default", X, WSL, ["xterm"], "xterm"),
        ("default", X, LINUX, ALL, "gnome-terminal"),
        ("default", X, LINUX, ["xterm", "konsole"], "konsole"),
        ("default", {"WAYLAND_DISPLAY": "wayland-0"}, LINUX, ["xterm", "kitty"], "kitty"),
        ("default", X, LINUX, ["xterm", "wezterm", "alacritty"], "Alacritty"),
        ("default", X, LINUX, ["xterm"], "xterm"),
        ("xterm -e bash {script}", X, LINUX, ALL, "custom"),
    ]
    REFUSED = [
        ("kity", X, LINUX, ALL, "no terminal 'kity', did you mean 'kitty'"),
        ("qqq", X, LINUX, ALL, "no terminal 'qqq'"),
        ("custom", X, LINUX, ALL, "'custom' needs your command"),
        ("xterm -e bash", X, LINUX, ALL, "has no {script}"),
        ("kitty", X, LINUX, ["xterm"], "needs 'kitty', which is not installed"),
        ("iTerm", X, LINUX, ALL, "only for macOS"),
        ("wt", X, LINUX, ALL, "only for WSL"),
        ("xterm", {}, LINUX, ALL, "neither DISPLAY nor WAYLAND_DISPLAY"),
        ("default", {}, LINUX, ALL, "no terminal here to open a window in: no display"),
        ("default", X, LINUX, [], "no terminal here to open a window in"),
        ("default", {**TMUX, **KITTY}, LINUX, [], "no terminal here"),
    ]

    def test_chosen(self):
        for setting, env, platform, programs, expected in self.CASES:
            with self.subTest(setting, env=env, platform=platform):
                chosen = choose(setting, env, platform, which(*programs))
                self.assertEqual(expected, chosen.name)

    def test_refused(self):
        for setting, env, platform, programs, expected in self.REFUSED:
            with self.subTest(setting, env=env):
                with self.assertRaises(HcomError) as caught:
                    choose(setting, env, platform, which(*programs))
                self.assertIn(expected, caught.exception.message)
                self.assertTrue(caught.exception.hint)

    def test_the_innermost_of_nested_multiplexers_is_the_nearest_parent(self):
        env = {**TMUX, **ZELLIJ, "STY": "1.a", **X}
        for parents, expected in [
            (["bash", "zellij"], "zellij"),
            (["bash", "tmux: server"], "tmux-split"),
            (["zsh", "SCREEN"], "screen"),
            (["bash"], "tmux-split"),
            ([], "tmux-split"),
        ]:
            with self.subTest(parents):
                chosen = choose("default", env, LINUX, which(*ALL), ancestors=parents)
                self.assertEqual(expected, chosen.name)

    def test_platform(self):
        for system, env, kernel, expected in [
            ("darwin", {}, "23.1.0", MACOS),
            ("linux", {}, "6.1.0-18-amd64", LINUX),
            ("linux", {}, "5.15.90.1-microsoft-standard-WSL2", WSL),
            ("linux", {"WSL_DISTRO_NAME": "Debian"}, "6.1.0", WSL),
        ]:
            self.assertEqual(expected, platform_of(system, env, kernel))

    @unittest.skipUnless(os.path.exists("/proc/self/comm"), "no /proc here")
    def test_ancestors_of_this_process_include_its_parent(self):
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8") as file:
            self.assertEqual(file.read().strip(), ancestors(os.getpid())[0])


class Custom(unittest.TestCase):
    def test_argv_is_split_once_and_quotes_are_kept_apart(self):
        preset = parse_custom("term -e 'a b' \"--run={script}\" $HOME `id`", which("term"))
        self.assertEqual(("term", "-e", "a b", "--run={script}", "$HOME", "`id`"), preset.open)
        self.assertEqual(Opener.STAYS, preset.opener)

    def test_formats_of_other_programs_pass(self):
        preset = parse_custom("tmux neww -F '#{pane_id} ${X} {1}' {script}", which("tmux"))
        self.assertEqual("#{pane_id} ${X} {1}", preset.open[3])

    def test_refused(self):
        for text, expected in [
            ("term -e bash", "has no {script}"),
            ("", "has no {script}"),
            ("term {Script}", "has no {script}"),
            ("term ${script}", "has no {script}"),
            ("term '{script}", "no closing quotation"),
            ("term {script} \\", "no escaped character"),
            ("term {script} {name}", "unknown placeholder {name}"),
            ("term {script} {HOME}", "unknown placeholder {HOME}"),
            ("nope {script}", "'nope' is not installed"),
            ("{script}", "'{script}' is not installed"),
        ]:
            with self.subTest(text), self.assertRaises(HcomError) as caught:
                parse_custom(text, which("term"))
            self.assertIn(expected, caught.exception.message)
            self.assertTrue(caught.exception.hint)


class UserFile(unittest.TestCase):
    GOOD = '{"Foot": {"about": "f", "open": ["foot", "{script}"], "opener": "window"}}'

    def test_good(self):
        found = parse_user(self.GOOD, LINUX)
        self.assertEqual(["foot"], list(found))
        self.assertEqual(Opener.WINDOW, found["foot"].opener)
        self.assertEqual({}, parse_user(" {} \n", LINUX))

    def test_fields_of_a_platform_replace_the_common_ones(self):
        text = '{"f": {"open": ["f", "{script}"], "darwin": {"open": ["g", "{script}"]}}}'
        self.assertEqual("f", parse_user(text, LINUX)["f"].program)
        self.assertEqual("g", parse_user(text, MACOS)["f"].program)

    def test_broken_ones_are_named_with_their_line(self):
        good = '"g": {"open": ["g", "{script}"]},'
        for broken, line, expected in [
            ("", 1, "expected '{'"),
            ("[]", 1, "expected '{'"),
            ("{} x", 1, "unexpected text"),
            (f"{{\n{good}\n}}", 3, ""),
            (f'{{\n{good}\n"b": {{"open": }}\n}}', 3, "Expecting value"),
            (f'{{\n{good}\n"b": 3}}', 3, "'b': expected an object"),
            (f'{{\n{good}\n\n"b": {{}}}}', 4, "'b': field 'open' is missing"),
            (f'{{\n{good}\n"b": {{"open": ["x"]}}}}', 3, "no {script}"),
            (f'{{\n{good}\n"b": {{"opne": ["x"]}}}}', 3, "unknown field 'opne'"),
            (f'{{\n{good}\n"b": {{"open": "x {{script}}"}}}}', 3, "'open': expected a list"),
            (f'{{\n{good}\n"G": {{"open": ["g", "{{script}}"]}}}}', 3, "there twice"),
            ('{"custom": {"open": ["g", "{script}"]}}', 1, "can't be given"),
            ('{"a": {"open": ["g", "{script}", "{nme}"]}}', 1, "unknown placeholder {nme}"),
            ('{"a": {"open": ["g", "{script}"], "opener": "x"}}', 1, "'opener'"),
            ('{"a": {"open": ["g", "{script}"], "platforms": ["bsd"]}}', 1, "'platforms'"),
            ('{"a": {"open": ["g", "{script}"], "gone": ["("]}}', 1, "'gone'"),
            ('{"a": {"open": ["g", "{script}"], "rank": true}}', 1, "'rank'"),
            ('{"a": {"open": ["g", "{script}"], "id": {"stdout": "[0-9]"}}}', 1, "no group"),
            ('{"a": {"open": ["g", "{script}"], "close": ["g"]}}', 1, "needs an 'id'"),
            (
                '{"a": {"open": ["g", "{script}"], "id": {"script": ["W"]}, "close": ["g"]}}',
                1,
                "does not say which window",
            ),
            (
                '{"a": {"open": ["g", "{script}"], "id": {"script": ["W"]}, "close": ["{V}"]}}',
                1,
                "unknown placeholder {V}",
            ),
            ('{"a": {"open": ["g", "{script}"], "darwin": {"opener": 1}}}', 1, "'opener'"),
        ]:
            with self.subTest(broken), self.assertRaises(HcomError) as caught:
                parse_user(broken, LINUX, "/h/terminals.json")
            self.assertIn(f"/h/terminals.json line {line}: ", caught.exception.message)
            self.assertIn(expected, caught.exception.message)

    def test_the_file_in_hcom_dir_comes_first_and_hides(self):
        with tempfile.TemporaryDirectory() as home:
            self.assertEqual(builtin(LINUX), known(home, LINUX))
            with open(os.path.join(home, "terminals.json"), "w", encoding="utf-8") as file:
                file.write(
                    '{"XTERM": {"open": ["xterm", "-geometry", "9x9", "{script}"],'
                    ' "inside": ["XTERM_VERSION"]}}'
                )
            table = known(home, LINUX)
            self.assertEqual("xterm", list(table)[0])
            self.assertEqual(len(builtin(LINUX)), len(table))
            env = {"XTERM_VERSION": "1"}
            self.assertIn("9x9", choose("default", env, LINUX, which("xterm"), table).open)

    def test_an_unreadable_file_or_a_lost_fallback_is_said(self):
        with tempfile.TemporaryDirectory() as home:
            path = os.path.join(home, "terminals.json")
            with open(path, "wb") as file:
                file.write(b'{"\xff": 1}')
            with self.assertRaisesRegex(HcomError, "cannot read"):
                known(home, LINUX)
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"a": {"open": ["a", "{script}"], "full": {"says": "x", "use": "b"}}}')
            with self.assertRaisesRegex(HcomError, "'b', which does not exist"):
                known(home, LINUX)


if __name__ == "__main__":
    unittest.main()
