"""Is the package directory alone a complete install, on every Python we support?

`python3 tools/vendor_check.py [REPO]` prints a line for each thing it checked and ends with 1 if
one failed: imports, a run of the bare copy, nothing of others inside, all of it in the wheel.
"""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
# Public modules that not all of PYTHONS have, as version -> what it added or removed. From
# sys.stdlib_module_names of 3.10.13, 3.11.7, 3.12.1 and 3.13.0 (PEP 594 and 632 tell why);
# tests/test_vendor_check.py compares the table with the Python that runs it.
ADDED = {(3, 11): "tomllib"}
REMOVED = {
    (3, 11): "binhex",
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib "
    "ossaudiodev pipes sndhdr spwd sunau telnetlib uu xdrlib",
}
GUARDS = {"ImportError", "ModuleNotFoundError", "Exception"}
LICENSED = re.compile(
    r"copyright\b|\(c\) \d{4}|SPDX-License|licen[sc]ed under|all rights reserved|"
    r"permission is hereby granted",
    re.IGNORECASE,
)
FOLDERS = re.compile(r"/(_?vendor(ed)?|third_party|extern(al)?|node_modules|.*-info)/")
MINIFIED = 300  # columns; our own lines end at 100
WHEEL_S = 180  # pip fetches its build backend into a fresh environment


class Import(NamedTuple):
    """One module named in an import; `guarded` where the code does without it."""

    place: str
    name: str
    guarded: bool


class Failed(Exception):
    """A check that found something; one line for each thing."""


def differing() -> set[str]:
    """The public modules that some of PYTHONS lack."""
    told = [*ADDED.values(), *REMOVED.values()]
    return {name for names in told for name in names.split()}


def stdlib(version: tuple[int, int]) -> set[str]:
    """The public top-level modules of that Python, derived from the running one's."""
    names = {name for name in sys.stdlib_module_names if not name.startswith("_")} - differing()
    for since, added in ADDED.items():
        names |= set(added.split()) if version >= since else set()
    for until, removed in REMOVED.items():
        names |= set(removed.split()) if version < until else set()
    return names


def package_files(package: Path) -> list[Path]:
    """All that belongs to the package: every file but what Python caches."""
    return sorted(
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )


def imports(path: Path, name: str) -> Iterator[Import]:
    """What a file imports from outside its package, also inside functions and by its name."""

    def visit(node: ast.AST, guarded: bool) -> Iterator[Import]:
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (Import(place, alias.name, guarded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Import(place, node.module or "", guarded)
        elif isinstance(node, ast.Call) and by_name(node):
            yield Import(place, ast.literal_eval(node.args[0]), guarded)
        for child, inside in parts(node):
            yield from visit(child, guarded or inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8"), name), False)


def parts(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """The children, each with whether `node` guards it: a try that catches a failing import, with
    its handlers, or either side of a question for the version."""
    caught = isinstance(node, ast.Try) and any(
        handler.type is None or GUARDS & names(handler.type) for handler in node.handlers
    )
    asks = isinstance(node, ast.If) and bool({"version_info", "hexversion"} & names(node.test))
    for field, value in ast.iter_fields(node):
        guards = (caught and field in ("body", "handlers")) or (
            asks and field in ("body", "orelse")
        )
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child, guards


def names(node: ast.AST) -> set[str]:
    """Every name and attribute in an expression."""
    return {getattr(n, "id", "") or getattr(n, "attr", "") for n in ast.walk(node)}


def by_name(call: ast.Call) -> bool:
    """Whether this is import_module("x") or __import__("x")."""
    called = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
    first = call.args[0] if call.args else None
    return (
        called in ("import_module", "__import__")
        and isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and not first.value.startswith(".")
    )


def check_imports(repo: Path) -> str:
    """Every import is the package's own or the standard library's, on every supported Python."""
    package, wrong, seen = repo / "hcom", [], 0
    known = {version: stdlib(version) for version in PYTHONS}
    files = [path for path in package_files(package) if path.suffix == ".py"]
    for path in files:
        for found in imports(path, path.relative_to(repo).as_posix()):
            seen += 1
            top = found.name.split(".")[0]
            has = [version for version in PYTHONS if top in known[version]]
            if (
                top in ("hcom", "__init__", "__future__")  # __init__: in a zip file of the package
                or len(has) == len(PYTHONS)
                or (has and found.guarded)
            ):
                continue
            lacking = ", ".join(f"{a}.{b}" for a, b in PYTHONS if (a, b) not in has)
            wrong.append(f"{found.place}: {found.name} is not in the standard library of {lacking}")
    wrong += unfindable(repo, files)
    if wrong:
        raise Failed("\n".join(wrong))
    return (
        f"{seen} imports from outside in {len(files)} files are of the standard library "
        f"of {', '.join(f'{a}.{b}' for a, b in PYTHONS)}"
    )


def unfindable(repo: Path, files: list[Path]) -> list[str]:
    """The unguarded imports of standard modules and submodules that this Python does not find."""
    wrong = []
    for path in files:
        for found in imports(path, path.relative_to(repo).as_posix()):
            if found.guarded or found.name.split(".")[0] not in sys.stdlib_module_names:
                continue
            try:
                spec = importlib.util.find_spec(found.name)
            except ImportError:
                spec = None
            if spec is None:
                wrong.append(f"{found.place}: this Python has no {found.name}")
    return wrong


def check_alone(repo: Path) -> str:
    """The package directory, copied alone into an empty place, runs by its path."""
    with tempfile.TemporaryDirectory(prefix="hcom-alone-") as place:
        home, copy = Path(place, "home"), Path(place, "copy")
        home.mkdir()
        shutil.copytree(
            repo / "hcom", copy / "hcom", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
        env = {
            "HOME": str(home),
            "HCOM_DIR": str(home / ".hcom"),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

        def run(*args: str) -> str:
            argv = [sys.executable, "-I", "-S", str(copy / "hcom"), *args]
            done = subprocess.run(
                argv,
                env=env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode:
                said = (done.stderr or done.stdout).strip().split("\n")
                raise Failed(f"hcom {' '.join(args)} ended with {done.returncode}: {said[-1]}")
            return done.stdout

        def expect(wanted: str, *args: str) -> None:
            if wanted not in (said := run(*args)):
                raise Failed(f"hcom {' '.join(args)} did not say {wanted!r} but {said!r}")

        expect("hcom ", "--version")
        started = re.search(r"--name (\w+)", run("start"))
        if not started:
            raise Failed("hcom start told no name")
        expect("sent #", "send", "--from", "ci", f"@{started[1]} hello from the copy")
        expect("hello from the copy", "listen", "--name", started[1], "1")
        expect(started[1], "list")
    return (
        f"the copy alone runs --version, start, send, listen 1 and list "
        f"({sys.version.split()[0]} -I -S)"
    )


def check_own(repo: Path) -> str:
    """Everything in the package is our own readable text."""
    wrong, files = [], package_files(repo / "hcom")
    for path in files:
        name, data = path.relative_to(repo).as_posix(), path.read_bytes()
        if FOLDERS.search(name):
            wrong.append(f"{name}: a folder for what others wrote")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            wrong.append(f"{name}: binary")
            continue
        if found := LICENSED.search(text):
            wrong.append(f"{name}: a license header ({found[0]!r})")
        if any(len(line) > MINIFIED for line in text.split("\n")):
            wrong.append(f"{name}: lines over {MINIFIED} columns, minified")
    if wrong:
        raise Failed("\n".join(wrong))
    return f"{len(files)} files, no license header, nothing minified or binary"


def check_wheel(repo: Path) -> str:
    """Every file of the package is in the wheel as it is, the wheel requires nothing, and installed
    it runs."""
    with tempfile.TemporaryDirectory(prefix="hcom-wheel-") as place:
        wheel = built(repo, Path(place))
        if wheel is None:
            return read_pyproject(repo)
        installed(wheel, Path(place))
        with zipfile.ZipFile(wheel) as archive:
            inside = {name: archive.read(name) for name in archive.namelist()}
    files = package_files(repo / "hcom")
    wrong = [
        f"{path.relative_to(repo)}: not in the wheel, or not as it is"
        for path in files
        if inside.get(path.relative_to(repo).as_posix()) != path.read_bytes()
    ]
    told = b"\n".join(data for name, data in inside.items() if ".dist-info/" in name)
    if b"\nRequires-Dist:" in told:
        wrong.append("the wheel requires other packages")
    if b"hcom=hcom.cli:main" not in told.replace(b" ", b""):
        wrong.append("the wheel has no hcom script")
    if wrong:
        raise Failed("\n".join(wrong))
    said = "are in it, it requires nothing, and installed it runs"
    return f"built {wheel.name}: all {len(files)} files {said}"


def built(repo: Path, place: Path) -> Path | None:
    """The wheel of the checkout; None where its build backend cannot be had."""
    copy = place / "checkout"  # a build may leave files behind
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (repo / name).exists():
            shutil.copy(repo / name, copy / name)
    shutil.copytree(repo / "hcom", copy / "hcom", ignore=shutil.ignore_patterns("__pycache__"))
    argv = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(place)]
    if importlib.util.find_spec("flit_core"):
        argv.append("--no-build-isolation")
    env = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_RETRIES": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    done = subprocess.run(
        [*argv, str(copy)],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WHEEL_S,
    )
    if done.returncode:
        if re.search(
            r"No module named pip|(No matching distribution found for|"
            r"Could not find a version that satisfies the requirement) flit",
            done.stderr,
        ):
            return None
        errors = re.findall(r"^.*Error: .*$", done.stderr, re.MULTILINE)
        raise Failed(f"pip wheel: {(errors or [done.stderr])[-1].strip()}")
    return next(place.glob("*.whl"))


def installed(wheel: Path, place: Path) -> None:
    """`hcom` runs in a venv with the wheel, as `pipx install` makes one, and all of it is gone once
    that is uninstalled."""
    if importlib.util.find_spec("ensurepip") is None:
        return  # Debian has it in a package of its own
    venv.create(place / "venv", with_pip=True)
    folder, home = place / "venv/bin", place / "home"
    home.mkdir()
    for program, words in (
        ("pip", ["install", "--no-index", "--no-deps", "--quiet", str(wheel)]),
        ("hcom", ["--version"]),
        ("hcom", ["status"]),
        ("pip", ["uninstall", "--yes", "--quiet", "hcom"]),
    ):
        done = subprocess.run(
            [folder / program, *words],
            env={"HOME": str(home), "PATH": os.defpath},
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WHEEL_S,
        )
        if done.returncode:
            raise Failed(
                f"installed, {program} {words[0]} ended with {done.returncode}: {done.stderr}"
            )
    if left := list((place / "venv").rglob("*hcom*")):
        raise Failed(f"uninstalled, it leaves {left[0]}")


def read_pyproject(repo: Path) -> str:
    """What flit makes of pyproject.toml, by its documentation: every file below the package."""
    text = (repo / "pyproject.toml").read_text(encoding="utf-8")
    for wanted in (
        'build-backend = "flit_core.buildapi"',
        'name = "hcom"',
        "dependencies = []",
        'hcom = "hcom.cli:main"',
    ):
        if f"\n{wanted}\n" not in f"{text}\n":
            raise Failed(f"pyproject.toml does not say {wanted}")
    if "[tool.flit" in text:
        raise Failed("pyproject.toml has [tool.flit...]: the wheel must be built to be judged")
    for name in re.findall(r'(?:readme = |file = )"([^"]+)"', text):
        if not (repo / name).exists():
            raise Failed(f"pyproject.toml names {name}, which is missing: no wheel can be built")
    return (
        "no build backend to be had, so nothing was built: by pyproject.toml and flit's "
        "documentation every file below hcom/ is in the wheel"
    )


CHECKS = (
    ("imports", check_imports),
    ("alone", check_alone),
    ("own", check_own),
    ("wheel", check_wheel),
)


def main(argv: list[str]) -> int:
    """Run all checks, a line each; 1 when one failed."""
    repo = Path(argv[0]).resolve() if argv else Path(__file__).resolve().parent.parent
    code = 0
    for name, check in CHECKS:
        try:
            print(f"ok: {name}: {check(repo)}", flush=True)
        except Failed as failed:
            code = 1
            for line in str(failed).split("\n"):
                print(f"FAILED: {name}: {line}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
