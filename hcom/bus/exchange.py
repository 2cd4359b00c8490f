"""An exchange: a prompt and all that followed it till the next, and its forms for people, models
and programs. Pure: what a client's file says comes as parts of adapters (adapters/base.Part)."""

from collections import namedtuple

PERSON, MESSAGE = "user", "hcom"  # who asked: a person who typed, or who sent by hcom


class Tool(namedtuple("Tool", "name input result failed", defaults=("", False))):
    """A tool that was used, as text; `failed` where it did, or was refused."""

    __slots__ = ()


class Edit(namedtuple("Edit", "file diff")):
    """A change to a file, as a diff."""

    __slots__ = ()


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
