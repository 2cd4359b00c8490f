"""What agents in Gemini CLI may run unasked, as a policy file of our own (measured on 0.61.0).

A rule by prefix would let more through than its words: what follows may set PATH or a variable
(`hcom list; PATH=.; hcom list`), which the client does not look at. So a rule here describes a
whole command: one simple command, its words plain or quoted, or one with a heredoc. It is matched
against the call as JSON, whose own members stand between NULs; the client refuses patterns that
repeat a group, hence the bounded nesting.
"""

from ..settings import MARK

HEAD = (
    MARK
    + """: what agents may run unasked. `hcom hooks remove gemini` takes this
# file away, HCOM_AUTO_APPROVE=0 empties it; changes made here are lost.
"""
)
PRIORITY = 100
QUOTED = 12  # quoted pieces in one command; beyond that the client asks
IN_HEREDOC = 4

# All as they stand in JSON. Neither quotes, expansion, another command, redirection nor a comment:
PLAIN = r'[^\x27"\\\x60$;&|<>\x28\x29#\x00]*'
PIECE = (
    r"(\x27[^\x27\x00]*\x27"  # '...'
    r'|\\"(?![^"]*\\\\)[^"$\x60\x00]*\\"'  # "..." without backslashes in it
    r"|\\\\\x27)"
)  # \'
START, END = r'\x00"command":"', r'"\x00'
QUIET = r"( 2>&1| 2>/dev/null|)"
ENDS_ONCE = r'(?![^\x00]*\\n\k<d>\\n[^"])'  # no heredoc's delimiter before the one at the end
BODY = r"\\n\k<d>(\\n|)"
HEREDOC = r'<< ?(?<q>\x27|\\")(?<d>\w+)\k<q>' + ENDS_ONCE + r"\\n[^\x00]*" + BODY
# Without quotes around the delimiter the shell expands what is in the text.
EXPANDED = r"<< ?(?<d>\w+)" + ENDS_ONCE + r"(?![^\x00]*\\\\)\\n[^$\x60\x00]*" + BODY


def arguments(pieces: int) -> str:
    """A pattern for the rest of a simple command, with at most so many quoted pieces."""
    rest = ""
    for _ in range(pieces):
        rest = f"({PIECE}{PLAIN}{rest}|)"
    return f"( {PLAIN}{rest}|)"


def patterns(allowed) -> list[str]:
    """The patterns for `allowed`: (words, whether more words may follow) pairs."""
    leading = [words for words, more in allowed if more]
    exact = [words for words, more in allowed if not more]
    found = []
    if leading:
        begin = f"{START}({'|'.join(leading)})"
        found += [
            begin + arguments(QUOTED) + QUIET + END,
            begin + arguments(IN_HEREDOC) + HEREDOC + END,
            begin + arguments(IN_HEREDOC) + EXPANDED + END,
        ]
    if exact:
        found.append(f"{START}({'|'.join(exact)}){QUIET}{END}")
    return found


def text(allowed) -> str:
    """The policy file for `allowed`; "" for none."""
    rules = [
        f"[[rule]]\ntoolName = \"run_shell_command\"\nargsPattern = '{pattern}'\n"
        f'decision = "allow"\npriority = {PRIORITY}\nallowRedirection = true\n'
        for pattern in patterns(allowed)
    ]
    return "\n".join([HEAD, *rules]) if rules else ""
