"""Where hcom keeps its state. Reads the environment it is given, creates directories on demand.

The directory is 0700 and every file in it 0600: it holds what agents say to each other.
"""

import errno
import os
import stat
import sys
from collections import namedtuple

from .errors import HcomError

# The parts of HCOM_DIR/run that commands write to, also inside a sandbox: who is an agent here, who
# has mail, the doorbells, who owns an agent's wake, other locks. What is in them is a hint.
MARKS, MAIL, BELLS, WAKE, LOCKS = "marks", "mail", "bells", "wake", "locks"
SHARED = (MARKS, MAIL, BELLS, WAKE, LOCKS)
# And what only processes outside do: what waits to be recorded, and the bell of who records it.
SPOOL, RECORDER = "spool", "recorder"
# What clients and launches run or trust lies here and not in run/: an agent in a sandbox may write
# there. Codex keeps a folder of this name read-only wherever it lets its agent write (0.169.0).
KEPT = ".agents"
# The database is in a folder of its own, so that a sandbox may have that and nothing around it;
# HCOM_DIR/hcom.db leads there.
DB = os.path.join("db", "hcom.db")
# What may be in HCOM_DIR before all that.
BEFORE = {"config.env", "scripts", "logs", ".gitignore"}
# What helps where HCOM_DIR cannot be written, by the error's number; 0: for any other.
CURES = {
    0: "in a sandbox: export HCOM_DIR=$PWD/.hcom",
    errno.ENOTEMPTY: "use a folder of its own: export HCOM_DIR=$PWD/.hcom",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space"),
}
LIMIT_BYTES = 4 * 1024 * 1024  # settings, and what else is read whole, are far below it
# sqlite's number of a format, in the database of the other program of this name (its 0.6 and 0.7
# wrote 14 to 20): ours has a mark there, from less on. And what the folder is called, beside that
# program's, that is ours then.
THEIRS, BESIDE = 14, "-own"
NAMES = (".hcom", ".hcom" + BESIDE)  # what is called so is ours, whatever lies in it
# What says that a filesystem has no modes.
_NO_MODES = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}
# What says that a file's name cannot be given to another file, though it can be written.
_IN_PLACE = {errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP}


class Home(namedtuple("Home", "root tools")):
    """`root` is HCOM_DIR; `tools` is the directory that holds .claude, .gemini and .codex."""

    __slots__ = ()

    def path(self, *parts: str) -> str:
        """The path of something inside HCOM_DIR."""
        return os.path.join(self.root, *parts)

    def run(self, *parts: str) -> str:
        """The path of something that lives no longer than the processes around it."""
        return os.path.join(self.root, "run", *parts)

    def kept(self, *parts: str) -> str:
        """The path of something that no agent in a sandbox may change."""
        return os.path.join(self.root, KEPT, *parts)

    @property
    def db(self) -> str:
        return self.root + "/hcom.db"

    @property
    def db_file(self) -> str:
        """The database itself; no link in its folder is followed, others may have put it there."""
        return self.path(DB) if os.path.islink(self.db) else self.db

    @property
    def shared(self) -> list[str]:
        """The folders that hcom writes to when it runs inside a client's sandbox: each its own,
        for none of them may be exchanged for a link to another."""
        return [os.path.dirname(self.db_file), *map(self.run, SHARED)]

    @property
    def is_default(self) -> bool:
        """Whether this is the person's own ~/.hcom, whose hooks go to the clients' own homes."""
        return (
            os.path.dirname(self.root) == self.tools
            and os.path.basename(self.root) in NAMES
            and self.tools == user(os.environ)
        )

    @property
    def theirs(self) -> str:
        """The folder of the other program of this name that this one is beside; "" for none."""
        root = self.root[: -len(BESIDE)]
        return root if self.root == root + BESIDE and _is_theirs(root + "/hcom.db") else ""


def user(env) -> str:
    """The person's own folder."""
    # "~" stays where there is no HOME and no such user: nothing is made in the working folder.
    return os.path.abspath(env.get("HOME") or os.path.join("/", os.path.expanduser("~")))


def of_user(env) -> Home:
    """The person's own home, whatever HCOM_DIR says."""
    return _ours(os.path.join(user(env), ".hcom"))


def _ours(root: str) -> Home:
    """The home at `root`; where the other program of this name has its own there, beside it, and
    still so when theirs is gone."""
    db, beside = root + "/hcom.db", root + BESIDE
    there = _is_theirs(db) if os.path.lexists(db) else os.path.lexists(beside + "/hcom.db")
    return Home(beside if there else root, os.path.dirname(root))


def _is_theirs(db: str) -> bool:
    """Whether the file is the database of the other program of this name: no sandboxed agent can
    put one there, where ours is a link. None of ours may be open: to close it here would take the
    locks of sqlite."""
    if os.path.islink(db):
        return False
    try:
        with os.fdopen(opened(db), "rb") as stream:
            head = stream.read(72)
    except OSError:
        return False
    return head[:6] == b"SQLite" and not any(head[68:]) and head[60:64] >= bytes((0, 0, 0, THEIRS))


def locate(env) -> Home:
    """The home that `env` names: HCOM_DIR, else ~/.hcom. Nothing is created. HcomError when it may
    not be one: another user's, or of a name that no client's settings could hold."""
    given = env.get("HCOM_DIR", "")
    root = os.path.abspath(os.path.expanduser(given))
    home = _ours(root) if given else of_user(env)
    # A surrogate stands for a byte that is no text.
    if any(sign < " " or "\ud800" <= sign <= "\udfff" for sign in home.root):
        raise HcomError(f"not a name for HCOM_DIR: {home.root!a}", "one line of UTF-8 text")
    try:
        own(home.root)
    except OSError as error:
        hint = "use one of your own: export HCOM_DIR=$PWD/.hcom"
        raise HcomError(f"HCOM_DIR {home.root}: {error.strerror}", hint) from None
    return home


def is_id(value) -> bool:
    """Whether this can be the id of a session, a launch or a process: it names files, and is an
    argument of programs."""
    # No pattern: to compile it takes longer than all else that most hooks do.
    return (
        isinstance(value, str)
        and 0 < len(value) <= 128
        and value[0] not in "-."
        and all(sign.isalnum() or sign in "_-." for sign in value)
    )


def create(home: Home) -> None:
    """HCOM_DIR, its run/ parts, the database's folder and what no agent may change exist and are
    private. OSError when that cannot be."""
    private_folder(home.root)
    found = set(os.listdir(home.root))
    if os.stat(home.root).st_mode & 0o077:
        is_ours = os.path.basename(home.root) in NAMES or "hcom.db" in found
        if not (is_ours or {"run", KEPT} <= found) and found - BEFORE:  # /etc, /tmp, a project
            raise OSError(errno.ENOTEMPTY, "it has other things, which others see", home.root)
        set_mode(home.root, 0o700)
    if not home.is_default and not found:  # a project's: never to be committed
        write_private(home.path(".gitignore"), "*\n")
    parts = (home.run(), *map(home.run, (*SHARED, SPOOL)), home.path("db"), home.kept())
    for folder in (home.root, *parts):
        private_folder(folder)
        own(folder)
    if not os.path.lexists(home.db):
        try:
            os.symlink(DB, home.db)
        except OSError:
            pass  # another was faster; where there are no symlinks, it will be a plain file


def cure(error: OSError) -> str:
    """What helps where HCOM_DIR cannot be written."""
    return CURES.get(error.errno or 0, CURES[0])


def private_folder(path: str) -> None:
    """The folder exists, and those that it is in. What is made is 0700 whatever the umask is, which
    belongs to the whole process: we may be guests in it. OSError."""
    if os.path.isdir(path):
        return
    private_folder(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # another was faster
    set_mode(path, 0o700)


def set_mode(what: "str | int", mode: int) -> None:
    """The file or folder, which may be given by a descriptor, has this mode; where it is ours and
    its filesystem has no modes, the one that is given to all there. OSError."""
    try:
        os.chmod(what, mode)
    except OSError as error:
        if error.errno not in _NO_MODES or os.stat(what).st_uid != os.geteuid():
            raise


def own(path: str) -> None:
    """OSError when what is there belongs to somebody who is neither this user nor root."""
    if found := stat_of(path):  # else it is nobody's, or told of by who uses it
        _owned(found, path)


def stat_of(path: str) -> "os.stat_result | None":
    """What the system says of what is there; None where that is nothing."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _owned(found: os.stat_result, path: str) -> os.stat_result:
    if found.st_uid not in (os.geteuid(), 0):
        raise OSError(errno.EPERM, f"it belongs to another user ({found.st_uid})", path)
    return found


def _regular(found: os.stat_result, path: str) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return found


def plain(path: str) -> "os.stat_result | None":
    """What is there, None for nothing. OSError unless it is a regular file of this user's, and no
    link to one."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "not a file but a link", path)
    return _regular(_owned(found, path), path)


def opened(path: str) -> int:
    """A descriptor by which the file can be read. OSError unless it is a regular one, which is
    looked at first too: of the others some do things, or wait, when they are opened."""
    _regular(os.stat(path), path)
    return _sure(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), path)


def _sure(descriptor: int, path: str, mode: int = 0) -> int:
    """The descriptor, which is of a regular file that has this mode, too; else closed. OSError."""
    try:
        if _regular(os.fstat(descriptor), path).st_mode & mode != mode:
            set_mode(descriptor, mode)
    except BaseException:  # an interrupt, too
        os.close(descriptor)
        raise
    return descriptor


def read(path: str, limit: int = LIMIT_BYTES) -> bytes:
    """What is in the file. OSError when it is not a regular one, or has more than `limit` bytes."""
    with os.fdopen(opened(path), "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit / 1024**2:g} MB", path)
    return data


def dropped(path: str) -> None:
    """Nothing has this name, if that can be."""
    try:
        os.unlink(path)
    except OSError:
        pass


def listed(folder: str) -> list[str]:
    """The names in the folder; none where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def private_file(path: str, flags: int) -> int:
    """A descriptor of the file, open as `flags` say; one that is made is 0600, as above. No link is
    followed, nothing but a regular file opened. OSError."""
    flags |= os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return _sure(os.open(path, flags, 0o600), path, 0o600)


class Lock:
    """HCOM_DIR/run/`name`.lock, which one process holds at a time, until it lets go or ends. As a
    context manager it lets go at the end; taking it is a call of its own."""

    def __init__(self, home: Home, name: str):
        self.path = home.run(f"{name}.lock")
        self.fd = -1

    def take(self, wait: bool = False) -> bool:
        """Whether this process holds it now; `wait` for as long as another does. OSError when there
        cannot be such a file."""
        import fcntl  # few hooks hold one

        held, self.fd = False, private_file(self.path, os.O_RDWR)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            pass
        finally:  # also when it is interrupted
            if not held:
                self.free()
        return held

    def free(self) -> None:
        """Another process may hold it."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.free()


def keep(path: str, text: str, mode: int = 0o600) -> None:
    """`path`, in a folder of ours that is made where it is not, holds exactly `text`."""
    try:
        own(path)
        if read(path).decode() == text:
            return
    except (OSError, UnicodeDecodeError):
        private_folder(os.path.dirname(path))
    write_private(path, text, mode)


def write_private(path: str, text: str, mode: int = 0o600) -> None:
    """`path` holds exactly `text`, replaced in one step; a reader sees the old file or the new."""
    _replace(path, text, lambda descriptor: set_mode(descriptor, mode))


def _replace(path: str, text: str, made_alike, encoding: str = "utf-8") -> None:
    temporary = f"{path}.{os.urandom(8).hex()}.tmp"  # other threads write, too
    descriptor = private_file(temporary, os.O_WRONLY | os.O_EXCL)
    try:
        with os.fdopen(descriptor, "w", encoding=encoding, newline="") as stream:
            stream.write(text)
            stream.flush()
            made_alike(descriptor)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        dropped(temporary)
        raise


def rewrite(path: str, text: str, encoding: str = "utf-8") -> None:
    """The file holds exactly `text`, and is as it was for the rest: mode, owner, attributes, links.
    It is replaced in one step, or where that would lose a hard link or cannot be (it is a mount of
    its own) written in place. One that was not there is private. OSError."""
    if not os.path.exists(path):
        private_folder(os.path.dirname(path))
        write_private(path, text)
        return
    before = _regular(os.lstat(path), path)

    def made_alike(descriptor: int) -> None:
        os.fchown(descriptor, before.st_uid, before.st_gid)
        for name in os.listxattr(path) if sys.platform == "linux" else ():
            os.setxattr(descriptor, name, os.getxattr(path, name))
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))

    try:
        if before.st_nlink > 1:
            raise OSError(errno.EXDEV, "another name leads to it", path)
        _replace(path, text, made_alike, encoding)
    except OSError as error:
        if error.errno not in _IN_PLACE:
            raise
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "w", encoding=encoding, newline="") as stream:
            _regular(os.fstat(stream.fileno()), path)
            stream.truncate(0)
            stream.write(text)
