"""The errors a user can act on. Anything else is a bug and crashes to the boundary."""


class HcomError(Exception):
    """Something could not be done: one line that names the thing, and a command that helps."""

    code = 1

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint


def told(error: HcomError) -> str:
    """The error as one line, with its hint."""
    return error.message + (f" ({error.hint})" if error.hint else "")


class UsageError(HcomError):
    """The command line itself is wrong."""

    code = 2


class UnknownAgent(HcomError):
    """A name or an address that nobody here has."""


class StoreError(HcomError):
    """The database cannot be read or written now."""


class LockedError(StoreError):
    """Another process held the database for longer than we wait."""


class DamagedError(StoreError):
    """What is there is no database of hcom's, or can no longer be read as one: a reset moves it
    away."""
