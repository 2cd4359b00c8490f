"""An exchange: a prompt and all that followed it till the next, and its forms for people, models
and programs. Pure: what a client's file says comes as parts of adapters (adapters/lines.Part)."""

import os
import re
from collections import namedtuple

from ..errors import UsageError
from .render import MARK, harmless, one_line

PERSON, MESSAGE = "user", "hcom"  # who asked: a person who typed, or who sent by hcom


# A tool that was used, as text; `failed` where it did, or was refused
Tool = namedtuple("Tool", "name input result failed", defaults=("", False))


# A change to a file, as a diff
Edit = namedtuple("Edit", "file diff")


class Exchange(
    namedtuple(
        "Exchange", "position kind user answers tools edits errors files messages timestamp tokens"
    )
):
    """`position` is its number, from 1, for good. `kind` says who asked: PERSON, or MESSAGE where
    our wake did; `user` is what was typed, or those messages. `answers` are the texts that the
    model wrote, `tools` and `edits` values as above, `errors` texts, `files` names; `messages` are
    those that came while it worked, each "nova -> luna #42: TEXT". `timestamp` is UTC, ISO 8601;
    `tokens` (input, output), or None where the client records none."""

    __slots__ = ()

    @property
    def assistant(self) -> str:
        """All that the model wrote."""
        return "\n\n".join(self.answers)


# What a person typed to the agent `name`
Prompt = namedtuple("Prompt", "name position user timestamp")


class Span(namedtuple("Span", "first last", defaults=(0,))):
    """Exchanges from `first` to `last`, which is 0 for as many as there are."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last or ''}"


SPAN = re.compile(r"([0-9]{1,9})(-([0-9]{1,9})?)?")


def span(text: str) -> Span:
    """5, 5-10 or 5- as a Span. UsageError when it is none."""
    found = SPAN.fullmatch(text)
    if not found:
        raise UsageError(f"not a range of exchanges: {text!r}", "use 5, 5-10 or 5-")
    first, dash, last = int(found[1]), found[2], int(found[3] or 0)
    if not first or (found[3] and last < first):
        raise UsageError(f"no such range: {text!r}", "the first is 1, the larger number last")
    return Span(first, last if dash else first)


def as_dict(exchange: Exchange, detailed: bool) -> dict:
    """The documented keys of --json and of the API; those of tools where `detailed`."""
    told = {
        "position": exchange.position,
        "kind": exchange.kind,
        "user": exchange.user,
        "assistant": exchange.assistant,
        "files": list(exchange.files),
        "messages": list(exchange.messages),
        "timestamp": exchange.timestamp,
    }
    if exchange.tokens:
        told["tokens"] = dict(zip(("input", "output"), exchange.tokens))
    if detailed:
        told["tools"] = [
            {"name": t.name, "input": t.input, "result": t.result, "is_error": t.failed}
            for t in exchange.tools
        ]
        told["edits"] = [edit._asdict() for edit in exchange.edits]
        told["errors"] = list(exchange.errors)
    return told


# -- messages in what a hook told --

FRAME = re.compile(
    re.escape(MARK) + r"([1-9]\d*) from (\S+)[^\n]*\]\n(.*?)\n\[/hcom #\1\b",
    re.DOTALL | re.MULTILINE,
)


def messages(text: str, name: str) -> list[str]:
    """The messages in their frames in `text`, each as "nova -> luna #42: TEXT"."""
    return [f"{who} -> {name} #{number}: {said}" for number, who, said in FRAME.findall(text)]


# -- short forms --


def cut(text: str, chars: int) -> str:
    """The beginning of `text`, and how much of it is left out."""
    return text if len(text) <= chars else f"{text[:chars]}… [{len(text) - chars} more characters]"


def diff(before: str, after: str) -> str:
    """The lines that go and those that come, without what stays at either end."""
    old, new = before.splitlines(), after.splitlines()
    head = len(os.path.commonprefix([old, new]))
    old, new = old[head:], new[head:]
    tail = len(os.path.commonprefix([old[::-1], new[::-1]]))
    return "\n".join(
        [f"-{line}" for line in old[: len(old) - tail]]
        + [f"+{line}" for line in new[: len(new) - tail]]
    )


ASKED_CHARS, ENDS_CHARS, VALUE_CHARS = 1000, 600, 1500  # of a prompt; of answers; of tools' texts


def shown(exchange: Exchange, full: bool, detailed: bool) -> str:
    """An exchange for people and models to read: the prompt and the end of the answers, or all of
    them; tools with their input and result, edits and errors where it is to be `detailed`."""
    at = exchange.timestamp[:19].replace("T", " ")
    by = f"{exchange.kind}: " if exchange.kind == PERSON else ""
    asked = exchange.user or "(a wake, and nothing waited)"
    out = [f"#{exchange.position}  {at}  {by}{asked if full else cut(asked, ASKED_CHARS)}"]
    out += [f"  + {cut(one, ASKED_CHARS)}" for one in exchange.messages]
    for tool in exchange.tools if detailed else ():
        out.append(f"  > {tool.name}: {cut(tool.input, VALUE_CHARS)}")
        sign = "  ! " if tool.failed else "  < "
        out += [sign + cut(tool.result, VALUE_CHARS)] if tool.result else []
    for edit in exchange.edits if detailed else ():
        out += [f"  edit {edit.file}", cut(edit.diff, VALUE_CHARS)]
    known = {tool.result for tool in exchange.tools if detailed}
    out += [f"  ! {cut(e, VALUE_CHARS)}" for e in exchange.errors if detailed and e not in known]
    said = exchange.assistant
    left = 0 if full else max(0, len(said) - ENDS_CHARS)
    out += [f"  [{left} characters left out: --full]"] if left else []
    out += [said[left:]] if said else []
    out += ["  " + _counts(exchange)] if _counts(exchange) and not detailed else []
    return harmless("\n".join(out))


def searched(exchange: Exchange) -> str:
    """All its texts, for a search."""
    used = [f"{tool.name}: {tool.input}\n{tool.result}" for tool in exchange.tools]
    edits = [f"{edit.file}\n{edit.diff}" for edit in exchange.edits]
    return "\n".join([exchange.user, *exchange.messages, exchange.assistant, *used, *edits])


def _counts(exchange: Exchange) -> str:
    """What else happened, in a few words."""
    told = [
        f"{len(found)} {what}{'s' * (len(found) > 1)}"
        for what, found in (("tool", exchange.tools), ("error", exchange.errors))
        if found
    ]
    told += (
        ["edited " + ", ".join(one_line(file) for file in exchange.files)] if exchange.files else []
    )
    return f"({'; '.join(told)})" if told else ""
