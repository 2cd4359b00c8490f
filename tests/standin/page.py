"""docs/adding-a-tool.md, followed: its code blocks are carried out in a copy of the checkout."""

import json
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-tool.md"
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".clients")


def blocks(language: str) -> list[str]:
    """The text of each code block in that language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return [str(text) for text in found]


def follow(place: Path) -> str:
    """`place` holds a checkout to which the stand-in was added; the command that then tests it."""
    for folder in ("hcom", "tests"):
        shutil.copytree(ROOT / folder, place / folder, ignore=LEFT_OUT)
    copies, tests = blocks("sh")
    subprocess.run(["sh", "-ec", copies], cwd=place, check=True)
    for change in blocks("diff"):
        apply(place, change)
    return tests


def apply(place: Path, change: str) -> None:
    """The lines that the diff takes away are the ones it adds. AssertionError where they are not
    there."""
    lines = change.splitlines(keepends=True)
    path = place / lines[1].split()[1].removeprefix("b/")
    before, after = ("".join(x[1:] for x in lines[2:] if x[0] in (sign, " ")) for sign in "-+")
    text = path.read_text("utf-8")
    assert text.count(before) == 1, f"{path} has not exactly once:\n{before}"
    path.write_text(text.replace(before, after), "utf-8")


def samples() -> dict[str, dict]:
    """The recorded payloads of the stand-in, by the name of their file."""
    found = sorted((ROOT / "tests" / "standin" / "payloads").iterdir())
    return {path.stem: json.loads(path.read_text("utf-8")) for path in found}


def text_of(path: str) -> str | None:
    """All of a file, to the byte; None where there is none."""
    try:
        return Path(path).read_bytes().decode()
    except FileNotFoundError:
        return None


def write(path: str, text: str) -> None:
    """The file is that, to the byte."""
    Path(path).write_bytes(text.encode())
