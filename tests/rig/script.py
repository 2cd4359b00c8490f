"""What a scripted model answers: directives in the prompt, and rules on what reaches it. Pure.

A user text is a script if its first line is a directive. Text that came by a hook is never one:
the API modules mark it as context. Step k answers the k-th request after the script; then "done".
"""

import hashlib
import re
from enum import Enum
from typing import NamedTuple

CALLS = ("RUN", "WRITE", "EDIT", "READ", "AGENT")
DIRECTIVE = re.compile(rf"(AND )?({'|'.join(CALLS)}|SAY|ERROR|STALL|DRIP): ?(.*)", re.DOTALL)
LOOP = re.compile(r"LOOP (\d+): (.*)", re.DOTALL)
WHEN = re.compile(rf"WHEN (.+?) ((?:{'|'.join(CALLS)}|SAY): ?.*)", re.DOTALL)
MARK = re.compile(r"\[rule ([0-9a-f]{8})\]")


class By(Enum):
    """Who put a piece of the conversation there."""

    MODEL = "model"
    USER = "user"
    CONTEXT = "context"  # hooks, tool results, reminders of the client


class Piece(NamedTuple):
    by: By
    text: str


class Call(NamedTuple):
    verb: str
    arg: str


class Step(NamedTuple):
    """One reply of the model; `error` is an HTTP status instead of a reply."""

    say: str = ""
    calls: tuple[Call, ...] = ()
    error: int = 0
    stall_s: float = 0.0  # before the first byte
    drip_s: float = 0.0  # spread over the stream


class Rule(NamedTuple):
    pattern: str
    action: str  # a directive; \1 is the match's first group


class Script(NamedTuple):
    steps: tuple[Step, ...]
    rules: tuple[Rule, ...]


DONE = Step(say="done")


def lines(text: str) -> list[str]:
    """The lines of a prompt, an indented line joined to the one it continues."""
    joined: list[str] = []
    for line in text.splitlines():
        if line.startswith("  ") and joined:
            joined[-1] += "\n" + line[2:]
        elif line.strip():
            joined.append(line.rstrip())
    return joined


def is_directive(line: str) -> bool:
    return any(form.fullmatch(line) for form in (DIRECTIVE, LOOP, WHEN))


def parse(text: str) -> Script | None:
    """The script that a user text is, or None when its first line is no directive."""
    found = lines(text)
    if not found or not is_directive(found[0]):
        return None
    steps: list[Step] = []
    rules = [Rule(*match.groups()) for match in map(WHEN.fullmatch, found) if match]
    pace = Step()
    for line in (line for line in found if not WHEN.fullmatch(line)):
        loop = LOOP.fullmatch(line)
        rounds, directive = (int(loop[1]), loop[2]) if loop else (1, line)
        match = DIRECTIVE.fullmatch(directive)
        if not match:
            continue
        if match[2] == "STALL":
            pace = pace._replace(stall_s=float(match[3]))
        elif match[2] == "DRIP":
            pace = pace._replace(drip_s=float(match[3]))
        elif match[1] and steps:
            steps[-1] = steps[-1]._replace(calls=steps[-1].calls + (Call(match[2], match[3]),))
        else:
            step = deed(match[2], match[3])
            steps += [step._replace(stall_s=pace.stall_s, drip_s=pace.drip_s)] * rounds
            pace = Step()
    if pace != Step():
        steps.append(pace._replace(say="done"))
    return Script(tuple(steps), tuple(rules))


def is_script(piece: Piece) -> bool:
    return piece.by is By.USER and parse(piece.text) is not None


def deed(verb: str, arg: str) -> Step:
    if verb == "SAY":
        return Step(say=arg)
    if verb == "ERROR":
        return Step(error=int(arg))
    return Step(calls=(Call(verb, arg),))


def answer(pieces: list[Piece], rules: list[Rule], errors: int = 0) -> Step:
    """The reply to a conversation; `errors` counts the ERROR steps of this script already served.

    A due rule comes first and takes no step. Its reply carries a mark, so that the conversation
    itself says what has fired: a resumed session does not fire again.
    """
    script, start = Script((), ()), 0
    standing = list(rules)
    for place, piece in enumerate(pieces):
        if is_script(piece):
            told = parse(piece.text) or script
            script, start = told, place
            standing += told.rules
    reaction = due(pieces, standing)
    if reaction:
        return reaction
    served = errors + sum(1 for piece in pieces[start:] if is_plain_reply(piece))
    return script.steps[served] if served < len(script.steps) else DONE


def is_plain_reply(piece: Piece) -> bool:
    return piece.by is By.MODEL and not MARK.search(piece.text)


def due(pieces: list[Piece], rules: list[Rule]) -> Step | None:
    """What the first rule asks that matches a text since the last plain reply, not yet fired."""
    fired = {mark for piece in pieces if piece.by is By.MODEL for mark in MARK.findall(piece.text)}
    last = max((place for place, piece in enumerate(pieces) if is_plain_reply(piece)), default=-1)
    heard = [spoken(piece) for piece in pieces[last + 1 :] if piece.by is not By.MODEL]
    for rule in rules:
        for match in re.finditer(rule.pattern, "\n".join(heard)):
            mark = hashlib.sha256(f"{rule}{match[0]}".encode()).hexdigest()[:8]
            if mark not in fired:
                verb, arg = DIRECTIVE.fullmatch(filled(rule.action, match)).group(2, 3)
                step = deed(verb, arg)
                return step._replace(say=f"[rule {mark}] {step.say}".rstrip())
    return None


def filled(action: str, match: re.Match) -> str:
    """The action with \\1..\\9 replaced; other backslashes are the shell's: no Match.expand."""
    return re.sub(r"\\([1-9])", lambda group: match[int(group[1])] or "", action)


def spoken(piece: Piece) -> str:
    """The text without its directives, which would match their own patterns."""
    if is_script(piece):
        return "\n".join(line for line in lines(piece.text) if not is_directive(line))
    return piece.text
