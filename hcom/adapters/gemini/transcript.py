"""Gemini CLI's transcript: what the model was given, and whether its last turn was interrupted.

JSON lines, appended before the next hook runs. A message may be written again with the same id,
then the last counts; {"$set": {"messages": [...]}} replaces all, as after Esc, an error or
/compress: what is not in it any more, the model does not get again. Up to 0.38 it is one document,
written anew, whose messages are the same but for results, which stand with their calls; and up to
0.26 what hooks told has no mark there.
"""

import re
import sys

from ..base import TURN_END, WAKE_SIGN, document, fields, items, no, nothing
from ..jsonl import TAIL_BYTES, count, moment, parse, placed, shown, tail, texts
from ..lines import (
    ANSWERED,
    ASKED,
    CALLED,
    EDITED,
    FAILED,
    GONE,
    RETURNED,
    SAID,
    SPENT,
    STANDING,
    TOLD,
    WOKEN,
    Given,
    Part,
    mark_answered,
)

RESET = b'{"$set":{"messages":['
CONTEXT, CONTEXT_ENDS = "<hook_context>", "</hook_context>"
INTRODUCTION = b"[hcom] You are "
ESCAPE_NOTE = "\n[hcom: this client shows angle brackets in the text above as &lt; and &gt;]"
PARAGRAPH = "\n\n"
BEGINS = f"{PARAGRAPH}[hcom"  # what hooks told up to 0.26, in a tool's result or behind a prompt
CANCELLED = "Request cancelled."


def fates(path: str, given: dict[int, Given]) -> dict[int, str]:
    """What became of each message, see interface.Transcript.

    Hook context is recorded as it is handed over, as <hook_context> in a prompt or a tool's result;
    the text of a turn end is a prompt.
    """
    lines = _document(path) or [(place, parse(line)) for place, line in placed(path)]
    found = dict.fromkeys(set().union(*(_shown(*one, given) for one in lines)), GONE)
    talk = [one for one in _conversation(lines) if one[1].get("type") in ("user", "gemini")]
    for (place, line), (_, following) in zip(talk, [*talk[1:], (0, {})], strict=False):
        if line.get("type") == "gemini":
            mark_answered(found)
        # Where results have no line of their own (0.40.1), the model goes on from its calls.
        goes_on = line.get("type") == following.get("type") == "gemini"
        for said in [line, *(_results(line) if goes_on else ())]:
            here = _shown(place, said, given)
            found.update((n, STANDING) for n in here if found.get(n) != ANSWERED)
    return found


def _given(line: dict) -> tuple[list[str], list[str], list[str]]:
    """What the model gets by a user's line: what was typed, what hooks told, what tools returned.

    What a turn's end said is a prompt as it is; else the client marks what hooks told, at the end,
    and leaves no angle bracket in it: what a tool returned may only quote that before."""
    typed, returned = texts(line.get("content")), _returned(line.get("content"))
    told = _plain if line.get("plain") else _marked
    return typed, [said for text in [*typed, *returned] if (said := told(text))], returned


def _marked(text: str) -> str:
    """What hooks told at the end of a text; "" for nothing."""
    _, sign, after = text.rstrip().rpartition(CONTEXT)
    return after.removesuffix(CONTEXT_ENDS).strip() if sign and after.endswith(CONTEXT_ENDS) else ""


def _plain(text: str) -> str:
    """The same of a version that marks nothing: frames that end the text, as `hook.write` begins
    them and no message can."""
    _, sign, after = text.removesuffix(ESCAPE_NOTE).rpartition(BEGINS)
    ends = after.rpartition("\n")[2].startswith("[/hcom #")
    return BEGINS.strip() + after if sign and ends else ""


def _shown(place: int, line: dict, given: dict[int, Given]) -> set[int]:
    """Those of the messages that a user's line, which ends there, brings to the model."""
    if line.get("type") != "user":
        return set()
    typed, told, returned = _given(line)
    printed = "\n".join(returned).replace("\nOutput: ", "\n")
    ends = {number: one for number, one in given.items() if one.channel == TURN_END}
    return shown(line, place, ends, typed, "") | shown(line, place, given, told, printed)


def cancelled(path: str) -> bool:
    """Whether the last turn was interrupted by Esc: what a turn end says then is lost."""
    newest = [line for _, line in reversed(_document(path))]
    for line in newest or map(parse, reversed(tail(path))):
        kind = line.get("type")
        if kind in ("user", "gemini"):
            return False
        if kind == "info" and line.get("content") == CANCELLED:
            return True
    return False


def forgot(path: str) -> bool:
    """Whether the conversation was replaced by one in which hcom's introduction does not stand."""
    for line in reversed(tail(path)):
        if INTRODUCTION in line and b'"type":"user"' in line:
            return False
        if line.startswith(RESET):
            return True
    return False


def _document(path: str) -> list[tuple[int, dict]]:
    """The messages of a transcript that is one document, as lines; [] of any other. Its records
    have no place in a file that is written anew: each is behind all that was known before."""
    said = document(path, TAIL_BYTES).get("messages") if tail(path)[:1] == [b"{"] else None
    lines: list[dict] = []
    for message in items(said):
        lines += [fields(message), *_results(fields(message))]
    marks = any(CONTEXT.encode() in line for line in tail(path))
    return [(sys.maxsize, {**line, "plain": not marks}) for line in lines]


def _results(message: dict) -> list[dict]:
    """What the calls in a message returned to the model, as lines."""
    return [
        {
            "type": "user",
            "id": f"{message.get('id')}/{n}",
            "content": call.get("result"),
            "timestamp": call.get("timestamp"),
        }
        for n, call in enumerate(map(fields, items(message.get("toolCalls"))))
    ]


def _conversation(lines: list[tuple[int, dict]]) -> list[tuple[int, dict]]:
    """The messages as they stand now, oldest first, each with the place of the line it is in."""
    messages: dict[str, tuple[int, dict]] = {}
    first: dict[str, int] = {}  # what is written anew was said when it was written first
    for place, line in lines:
        anew = fields(line.get("$set")).get("messages")
        if isinstance(anew, list):
            kept = [m for m in anew if isinstance(m, dict)]
            messages = {k: (first.get(k, place), m) for m in kept for k in [str(m.get("id"))]}
        elif isinstance(line.get("id"), str):
            messages[line["id"]] = place, line
            first[line["id"]] = place
    return list(messages.values())


def _returned(content) -> list[str]:
    """What tools returned to the model."""
    called = (fields(fields(part).get("functionResponse")) for part in items(content))
    found = (text for one in called for text in fields(one.get("response")).values())
    return [text for text in found if isinstance(text, str)]


# -- the conversation --

SIGNS = (
    b'"type":"user","content":[{"text":',
    b'"type":"user","content":"',
    b'"type":"gemini","content":[{"text":',
    RESET,
    b'{"$rewindTo":',
)
BRIEF = ()
within = nothing  # its subagents have no identity
is_broken_off = no
# What the client begins a conversation with: one that it holds, or the summary of one.
BEGINNINGS = ("<session_context>", "<state_snapshot>")
# What the client puts in as a user's words: what a person ran by hand, and its own.
PUT_IN = (
    "I ran the following shell command:\n```sh\n",
    "[System: You ",
    "Here is the user's editor context as a JSON object.",
    "Here is a summary of changes in the user's editor context,",
    "- **Workspace Directories:**\n",
    "User has manually exited Plan Mode.",
)
# With what it lets a turn go on, showing the prompt again: a hook's words, and its own.
GOES_ON = ("[hcom", "Please continue.", "System: Potential loop detected.")


def note(line: bytes, place: int, index) -> None:
    """What the line says of exchanges, see interface.Transcript."""
    from binascii import crc32  # no hook needs it

    item, facts = _item(line), index.facts
    before, prompts = facts.setdefault("before", {}), facts.setdefault("prompts", [])
    asked, key = _asked(item), str(item.get("id"))[:8]
    words = crc32(asked.encode("utf-8", "replace"))
    if index.places and _is_copy(item, facts):
        # a copy has an id of its own: it is that of the next prompt with these words
        if asked and words in prompts[facts.setdefault("copied", 0) :]:
            before[key] = prompts.index(words, facts["copied"])
            facts["copied"] = before[key] + 1
        return
    facts.pop("copied", None)
    if "$rewindTo" in item:
        index.take_back(before.get(str(item["$rewindTo"])[:8], len(index.places)))
    elif item.get("type") == "user":
        before[key] = len(index.places)
        if asked:
            prompts.append(words)
            index.begin(place, moment(item))


def _item(line: bytes) -> dict:
    """The line; RESET for one that has the whole conversation, which may be of megabytes."""
    return {"type": RESET} if line.startswith(RESET) else parse(line)


def _is_copy(item: dict, facts: dict) -> bool:
    """Whether the line is of those in which the client writes its conversation once more, as after
    a refusal, each with a new id: they end with all of it in one line."""
    content, kind = item.get("content"), item.get("type")
    if kind == RESET:
        facts["copying"] = False
        return True
    if not facts.get("copying") and isinstance(content, list):
        first = fields(content[0] if content else None)
        text = str(first.get("text") or "")
        begins = kind == "user" and text.startswith(BEGINNINGS)
        # a reply as the model gets it, by none
        goes_on = kind == "gemini" and text and not first.get("thought")
        facts["copying"] = begins or (
            goes_on and not any(item.get(key) for key in ("model", "tokens", "toolCalls"))
        )
    return bool(facts.get("copying"))


def _asked(item: dict) -> str:
    """What a person asked, or our wake; "" for anything else. What the client sent in its place is
    shown as typed; a prompt that only goes on is told by showing what it goes on with."""
    said = [
        text for text in texts(item.get("content")) if not text.startswith((CONTEXT, *BEGINNINGS))
    ]
    shown = texts(item.get("displayContent")) or said
    if item.get("type") != "user" or not said or said[0].startswith(PUT_IN):
        return ""
    # the client also shows as typed what it sends with files, and the command that a prompt is of
    typed = "@" in shown[0] or shown[0].startswith("/")
    is_other = said[0] != shown[0] and (not typed or said[0].startswith(GOES_ON))
    return "" if is_other else "\n".join(shown)


def parts(line: bytes, facts: dict) -> list[Part]:
    """What the line says, see interface.Transcript. A message may be written again, with more in
    it: only that is said then."""
    item = _item(line)
    read = READ.get(str(item.get("type")))
    if (facts and _is_copy(item, facts)) or not read:
        return []
    told = facts.setdefault("told", set())
    new = [part for part in read(item) if not part.key or hash(repr(part)) not in told]
    told.update(hash(repr(part)) for part in new)
    return new


def _user(item: dict) -> list[Part]:
    asked, (typed, told, _) = _asked(item), _given(item)
    kind = WOKEN if asked.startswith(WAKE_SIGN) else ASKED
    hooks = [text for text in typed if text.startswith("[hcom") and not asked]
    hooks += [text.replace("&lt;", "<").replace("&gt;", ">") for text in told]
    return [*([Part(kind, asked)] if asked else []), *(Part(TOLD, text) for text in hooks)]


def _model(item: dict) -> list[Part]:
    key, spent = str(item.get("id")), fields(item.get("tokens"))
    found = [Part(SAID, text, key=key) for text in texts(item.get("content")) if text]
    for call in map(fields, items(item.get("toolCalls"))):
        found += _call(call)
    if spent:
        output = count(spent.get("output")) + count(spent.get("thoughts"))
        found.append(Part(SPENT, (count(spent.get("input")), output), key=key))
    return found


def _call(call: dict) -> list[Part]:
    """A tool's call, and what came of it once that is known."""
    key, status = str(call.get("id")), call.get("status")
    found = [Part(CALLED, fields(call.get("args")), str(call.get("name")), key)]
    if status not in DONE:
        return found
    display = fields(call.get("resultDisplay"))
    if "fileDiff" in display and status == "success":
        change = str(display["fileDiff"])
        file = str(display.get("filePath") or display.get("fileName"))
        found.append(Part(EDITED, change[max(change.find("@@"), 0) :], file, key))
    said = "\n".join(_returned(call.get("result"))).partition("\n\n" + CONTEXT)[0]
    printed = re.fullmatch(PRINTED, said, re.DOTALL)
    failed = status != "success" or (printed and re.search(UNDONE, printed[2]))
    value = printed[1] if printed else said
    return [*found, Part(FAILED if failed else RETURNED, value, key=key)]


# What a command printed, as the model gets it, and what the client says of the command behind.
PRINTED = (
    r"<untrusted_context>\nOutput: (?:\(empty\))?(.*?)"
    r"((?:\n(?:Error|Exit Code|Signal|Background PIDs|Process Group PGID): [^\n]*)*)"
    r"\n</untrusted_context>"
)
UNDONE = r"Error: |Signal: |Exit Code: [^0]"
DONE = ("success", "error", "cancelled")
READ = {
    "user": _user,
    "gemini": _model,
    "error": lambda item: [Part(FAILED, text) for text in texts(item.get("content"))],
    "info": lambda item: [Part(FAILED, CANCELLED)] if item.get("content") == CANCELLED else [],
}
