"""Terminals: what must hold in the preset table, custom commands, and which one is chosen."""

import copy
import json
import os
import re
import unittest

from hcom.errors import HcomError
from hcom.terminal import (
    Opener,
    Platform,
    ancestors,
    builtin,
    choose,
    parse_custom,
    platform_of,
    settings,
)
from hcom.terminal.preset import OPEN_NAMES, fill, placeholders
from hcom.terminal.window import label
from tests.test_architecture import ROOT

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


TABLE = json.loads((ROOT / "hcom/terminal/presets.json").read_text(encoding="utf-8"))
PLATFORMS = [p.value for p in Platform]


def is_texts(raw) -> bool:
    return isinstance(raw, list) and bool(raw) and all(isinstance(text, str) for text in raw)


def is_pattern(raw) -> bool:
    try:
        return bool(raw) and bool(re.compile(raw))
    except re.error:
        return False


# What a field of presets.json may be; what is named like a platform holds such fields again.
TEXTS, TRUE = ("a list of texts", is_texts), ("true", lambda raw: raw is True)
FIELDS = {
    "about": ("a text", lambda raw: isinstance(raw, str) and raw),
    "source": TEXTS,
    "platforms": ("platforms", lambda raw: raw and set(raw) <= set(PLATFORMS)),
    "open": TEXTS,
    "opener": ("an opener", lambda raw: raw in [o.value for o in Opener]),
    "keep": TEXTS,
    "prints": ("named groups", lambda raw: is_pattern(raw) and re.compile(raw).groupindex),
    "reports": TEXTS,
    "close": TEXTS,
    "show": TEXTS,
    "gone": ("patterns", lambda raw: is_texts(raw) and all(map(is_pattern, raw))),
    "inside": TEXTS,
    "multiplexer": TRUE,
    "display": TRUE,
    "rank": ("a rank", lambda raw: type(raw) is int and raw >= 0),
    "escape": (
        "texts for characters",
        lambda raw: raw and all(len(c) == 1 and isinstance(text, str) for c, text in raw.items()),
    ),
    "full": (
        "ask, says, use",
        lambda raw: set(raw) == {"ask", "says", "use"} and is_pattern(raw["says"]),
    ),
}


def faults(table) -> list[str]:
    """What is wrong in a table of presets as presets.json has it, a line each."""
    found = []
    for name, raw in table.items():
        places = [raw, *(raw.get(platform, {}) for platform in PLATFORMS)]
        wrong = [said for place in places for said in misread(place)]
        if not wrong:
            for platform in PLATFORMS:
                fields = {**raw, **raw.get(platform, {})}
                wrong += [f"on {platform}: {said}" for said in incomplete(fields, table)]
        found += [f"{name}: {said}" for said in wrong]
    return found


def misread(place):
    """What is wrong with the fields of a preset, or of a platform in it, each by itself."""
    for key, raw in place.items():
        if key not in (*FIELDS, *PLATFORMS):
            yield f"no field {key}"
        elif key in FIELDS and not FIELDS[key][1](raw):
            yield f"{key} is not {FIELDS[key][0]}"


def incomplete(fields, table):
    """What is wrong with one preset's fields together."""
    if not {"about", "source", "open"} <= fields.keys():
        yield "about, source or open is missing"
        return
    names = placeholders(tuple(fields["open"]))
    if "script" not in names:
        yield "open has no {script}"
    if not all(name in OPEN_NAMES or name.isupper() for name in names):
        yield "open has an unknown placeholder"
    own = {*re.compile(fields.get("prints", "")).groupindex, *fields.get("reports", ())}
    for verb in {"close", "show"} & fields.keys():
        used = set(placeholders(tuple(fields[verb])))
        if used - own - set(fields.get("keep", ())):
            yield f"{verb} has an unknown placeholder"
        if not used & own:
            yield f"{verb} does not say which window"
    if fields.get("opener") == "window" and "close" in fields:
        yield "closes by its pid and by a command"
    if "full" in fields:
        other = table.get(fields["full"]["use"])
        if other is None or fields["full"]["use"] != fields["full"]["use"].casefold():
            yield "full falls back on what is not there"
        elif "full" in other:
            yield "full falls back on what may be full"


def which(*programs):
    return lambda name: f"/bin/{name}" if name in programs else None


class Table(unittest.TestCase):
    def test_nothing_is_wrong_in_it(self):
        self.assertEqual([], faults(TABLE))

    def test_what_is_wrong_is_found(self):
        full = {"ask": ["tmux"], "says": "x"}
        for name, change, expected in [
            ("xterm", {"opne": ["x"]}, "no field opne"),
            ("xterm", {"bsd": {"rank": 1}}, "no field bsd"),
            ("xterm", {"about": ""}, "about is not a text"),
            ("xterm", {"source": "xterm(1)"}, "source is not a list of texts"),
            ("xterm", {"platforms": ["bsd"]}, "platforms is not platforms"),
            ("xterm", {"opener": "x"}, "opener is not an opener"),
            ("xterm", {"darwin": {"opener": 1}}, "opener is not an opener"),
            ("xterm", {"rank": True}, "rank is not a rank"),
            ("xterm", {"display": False}, "display is not true"),
            ("xterm", {"escape": {"ab": "c"}}, "escape is not texts for characters"),
            ("xterm", {"open": ["xterm"]}, "open has no {script}"),
            ("xterm", {"darwin": {"open": ["xterm"]}}, "on darwin: open has no {script}"),
            ("xterm", {"open": ["xterm", "{script}", "{nme}"]}, "open has an unknown placeholder"),
            ("xterm", {"open": []}, "open is not a list of texts"),
            ("xterm", {"close": ["xterm"]}, "close does not say which window"),
            ("kitty-tab", {"show": ["kitten"]}, "show does not say which window"),
            ("zellij", {"opener": "window"}, "closes by its pid and by a command"),
            ("zellij", {"gone": ["("]}, "gone is not patterns"),
            ("zellij", {"close": ["zellij", "{PANE}"]}, "close has an unknown placeholder"),
            ("kitty-tab", {"close": ["kitten", "{KITTY_LISTEN_ON}"]}, "does not say which window"),
            ("kitty-tab", {"prints": "[0-9]"}, "prints is not named groups"),
            ("tmux-split", {"full": {"says": "x"}}, "full is not ask, says, use"),
            ("tmux-split", {"full": {**full, "use": "b"}}, "falls back on what is not there"),
            ("tmux-split", {"full": {**full, "use": "tmux-split"}}, "on what may be full"),
        ]:
            with self.subTest(name, change=change):
                table = copy.deepcopy(TABLE)
                table[name].update(change)
                self.assertTrue(any(expected in said for said in faults(table)), faults(table))

    def test_every_named_preset_is_there(self):
        for platform in Platform:
            self.assertEqual({name.casefold() for name in SPEC}, set(builtin(platform)))

    def test_a_preset_is_what_the_table_says(self):
        tmux, kitty = builtin(LINUX)["tmux-split"], builtin(MACOS)["kitty"]
        self.assertEqual(("TMUX",), tmux.inside[0])
        self.assertEqual({"server", "pane", "socket"}, tmux.parts)
        self.assertRegex("error connecting to /x", tmux.gone)
        self.assertEqual("tmux-window", tmux.full.use)
        self.assertEqual(frozenset(Platform), tmux.platforms)
        self.assertEqual(("open", Opener.RETURNS, 0), (kitty.program, kitty.opener, kitty.rank))
        self.assertEqual("stays", builtin(LINUX)["kitty"].opener.value)
        self.assertEqual((("$", "\\$"), ("^", "\\^")), builtin(LINUX)["screen"].escape)

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
        listed = [name for name, about in settings(LINUX) if about]
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
                chosen = choose("default", env, LINUX, which(*ALL), parents)
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


if __name__ == "__main__":
    unittest.main()
