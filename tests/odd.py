"""Settings files as people have them, forty kinds for each client: what each reads, by its name.

Data alone. `{G}` stands for somebody's hook group, `{H}` for a handler in one.
"""

import json

HANDLER = {"type": "command", "command": "echo hcom_dir hcom hook; hcom list"}
GROUP = {"hooks": [HANDLER]}
H, G = json.dumps(HANDLER), json.dumps(GROUP)
EVENTS = {"claude": "Stop", "gemini": "AfterAgent", "codex": "Stop"}

# What all three read, whatever else they want in it: space, and where others' hooks stand. EVENT is
# an event of ours, and MORE another member that the client knows.
FORMS = {
    "an empty object": "{}",
    "a blank in it": "{ }",
    "a line break in it": "{\n}",
    "an end of a line": "{}\n",
    "one line": '{MORE, "hooks": {}}',
    "one line and its end": '{MORE, "hooks": {}}\n',
    "no space at all": '{MORE,"hooks":{"EVENT":[{G}]}}',
    "space on both sides": '{ MORE , "hooks" : { "EVENT" : [ {G} ] } }',
    "two blanks": '{\n  MORE,\n  "hooks": {\n    "EVENT": [\n      {G}\n    ]\n  }\n}\n',
    "four blanks": '{\n    MORE,\n    "hooks": {\n        "EVENT": []\n    }\n}\n',
    "eight blanks": '{\n        "hooks": {\n                "EVENT": [{G}]\n        }\n}\n',
    "tabs": '{\n\tMORE,\n\t"hooks": {\n\t\t"EVENT": [\n\t\t\t{G}\n\t\t]\n\t}\n}\n',
    "tabs and blanks": '{\n\tMORE,\n  "hooks": {\n\t  "EVENT": [{G}]\n  }\n}\n',
    "no indentation": '{\nMORE,\n"hooks": {\n"EVENT": [\n{G}\n]\n}\n}\n',
    "CR LF": '{\r\n  MORE,\r\n  "hooks": {\r\n    "EVENT": [{G}]\r\n  }\r\n}\r\n',
    "CR LF in some lines": '{\r\n  MORE,\n  "hooks": {\r\n    "EVENT": [{G}]\n  }\n}',
    "CR": '{\r"hooks": {\r"EVENT": [{G}]\r}\r}\r',
    "blank lines around": '\n\n{MORE, "hooks": { }\n\n}\n\n\n',
    "blank lines inside": '{\n\n\n  "hooks"\n:\n{"EVENT"\n:\n[\n]\n\n}\n}',
    "blanks at line ends": '{  \n  MORE,  \n  "hooks": {"EVENT": [ ]  }  \n}  \n',
    "commas at line starts": '{ MORE\n, "hooks":\n  { "EVENT": [ {G}\n    , {G} ] }\n}\n',
    "an empty event": '{"hooks": {"EVENT": []}}',
    "a line break in an empty event": '{"hooks": {"EVENT": [\n]\n}\n}',
    "others first": '{"hooks": {"Other": [{G}], "EVENT": [{G}, {G}]}}',
    "others last": '{"hooks": {"EVENT": [{G}], "Other": [{G}]}}',
    "a group of several": '{"hooks": {"EVENT": [{"hooks": [{H}, {H}, {H}]}]}}',
    "a group that is empty": '{"hooks": {"EVENT": [{"hooks": []}, {G}]}}',
    "a group with an empty matcher": '{"hooks": {"EVENT": [{"matcher": "", "hooks": [{H}]}]}}',
    "a group with a matcher": '{"hooks": {"EVENT": [{"matcher": "x|y", "hooks": [{H}]}]}}',
    "hooks in front": '{"hooks": {"EVENT": [{G}]}, MORE}',
    "an escaped name": '{"h\\u006foks": {"EVENT": [{G}]}}',
}
# Values that no client minds, in a member that it knows or skips.
VALUES = {
    "letters of all kinds": '"é\\u00e9🎉 \\"{[,]}\\\\ \\ud83d\\ude00"',
    "what looks like a comment": '"// no /* comment */ http://x"',
    "what looks like ours": "\"hcom_dir=/x; hcom_on='claude Stop now'\"",
    "a long text": '"' + "x, " * 7000 + '"',
    "control characters": '"\\u0000\\u001b[31m\\b\\f\\n\\r\\t\\u007f"',
}
# And such as only clients read that skip members which they do not know.
UNKNOWN = {
    "half of a pair": '"\\ud800"',
    "numbers": "[0, -0, 1.50, -1.5e+10, 1E400, 123456789012345678901234567890]",
    "words": '[true, false, null, {}, [], ""]',
    "deep nesting": "[" * 300 + "1" + "]" * 300,
    "hooks elsewhere": '{"hooks": {"EVENT": [{G}]}, "permissions": {"allow": []}}',
    "an empty name": '{"": {"": ""}, "a.b": 1, " ": 2}',
    "a name twice": '1, "x": 2, "x": {"y": 1, "y": 2}',
    "many members": "{" + ", ".join(f'"m{n}": [{n}]' for n in range(400)) + "}",
}
# As clients skip them: claude and gemini leave out the one entry, codex drops the file.
SKIPPED = {
    "an event of null": '{"hooks": {"EVENT": null, "Other": [{G}]}}',
    "hooks of null": '{\n  MORE,\n  "hooks": null\n}\n',
    "groups of null": '{"hooks": {"EVENT": [null, {G}, null]}}',
    "groups that are none": '{"hooks": {"EVENT": [1, "[hooks]", {"hooks": 3}, {}, {G}]}}',
    "handlers that are none": '{"hooks": {"EVENT": [{"hooks": [null, 1, {H}, {"type": "x"}]}]}}',
    "events twice": '{"hooks": {"EVENT": [{G}], "EVENT": [{G}, {G}]}}',
    "hooks twice": '{"hooks": {"x": []}, MORE, "hooks": {"EVENT": [{G}]}}',
}
COMMENTED = {
    "a comment first": "// mine\n{MORE}\n",
    "a comment in an empty object": "{ // none\n}",
    "a comment in one line": "{ /* none */ }",
    "a comment last": "{MORE // x\n}",
    "comments in CR LF": '{\r\n  MORE, // x, "b": {\r\n  /* " */ "b": "//" // y\r\n}\r\n// end',
    "a comment for hooks": '{"hooks": { // my hooks\n}}',
    "comments around a comma": '{"hooks": {"Other": [ // one\n  {G} /* , */ , // two\n {G} ]}}',
    "comments in an event": '{"hooks": {"EVENT": [{G} // one\n , {G} // two\n // three\n]} /**/ }',
    "a comment that stays open": "{MORE} /* open",
}
RULES = json.dumps(
    {
        "hooks": {"Stop": [GROUP], "PreToolUse": [GROUP, GROUP]},
        "permissions": {"allow": ["Bash(hcom send:*)", "Bash(ls)"], "deny": []},
    }
)
CODEX = {
    "handlers of all types": '{"hooks": {"EVENT": [{"hooks": [{H}, {"type": "prompt",'
    ' "prompt": ""}, {"type": "agent", "prompt": ""},'
    ' {"type": "mcp_tool", "server": "s", "tool": "t"}]}]}}',
    "all that a handler has": '{"hooks": {"EVENT": [{"matcher": null, "hooks": [{"type": "command",'
    ' "command": "x", "timeout": 9, "async": false, "statusMessage": "é", "a": 1}]}], "Z": [1]}}',
    "no group of hooks": '{"hooks": {"EVENT": [{}, {G}]}}',
    "an empty command": '{"hooks": {"EVENT": [{"hooks": [{"type": "command", "command": ""}]}]}}',
}
MORE = {
    "claude": '"model": "opus"',
    "gemini": '"ui": {"hideTips": true}',
    "codex": '"description": "x"',
}


def _filled(text: str, tool: str) -> str:
    for name, value in (("MORE", MORE[tool]), ("EVENT", EVENTS[tool]), ("{G}", G), ("{H}", H)):
        text = text.replace(name, value)
    return text


def _named(tool: str) -> dict[str, str]:
    known = {"claude": "model", "gemini": "x", "codex": "description"}[tool]
    found = dict(FORMS)
    found.update((name, f'{{"{known}": {value}, "hooks": {{}}}}') for name, value in VALUES.items())
    if tool == "codex":
        return {**found, **CODEX}
    found.update((name, f'{{"x": {value}, MORE}}') for name, value in UNKNOWN.items())
    found.update({**SKIPPED, "nothing": "", "blank lines": " \n\n"})
    return {**found, "rules": RULES} if tool == "claude" else {**found, **COMMENTED}


FILES: dict[str, dict[str, bytes]] = {
    tool: {name: _filled(text, tool).encode("utf-8") for name, text in _named(tool).items()}
    for tool in EVENTS
}
MARKED = ("an empty object", "two blanks", "CR LF", "letters of all kinds", "no space at all")
for _name in MARKED:
    _text = FILES["claude"][_name].decode()
    FILES["claude"][f"{_name}, with a mark"] = f"\ufeff{_text}".encode()
    FILES["claude"][f"{_name}, in UTF-16"] = f"\ufeff{_text}".encode("utf-16-le")
