"""tools/vendor_check.py passes on this checkout, and fails on what is planted in a copy of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import vendor_check  # noqa: E402 - tools/ is no package

THIRD_PARTY = (
    "import requests\n",
    "from yaml import load\n",
    "import xml.etree, numpy.linalg\n",
    "def f():\n    import rich\n",
    "class A:\n    def f(self):\n        from rich import print\n",
    "import importlib\nimportlib.import_module('requests')\n",
    "__import__('requests')\n",
    "try:\n    import tomllib\nexcept ImportError:\n    import tomli\n",
    "try:\n    import requests\nexcept ImportError:\n    requests = None\n",
)
NOT_EVERYWHERE = (
    "import tomllib\n",
    "import distutils.util\n",
    "import pipes\n",
    "try:\n    f()\nexcept OSError:\n    import tomllib\n",
)
FINE = (
    "from . import errors\nfrom .bus.agent import Agent\n",
    "from hcom.errors import HcomError\n",
    "from __future__ import annotations\nimport os.path, json\n",
    "try:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n",
    "import sys\nif sys.version_info >= (3, 11):\n    import tomllib\n",
    "from importlib import import_module\nimport_module(f'{__name__}.bus')\n",
)
NOT_OURS = (
    ("hcom/planted.py", b"# Copyright 2020 Somebody\n"),
    ("hcom/planted.py", b"# SPDX-License-Identifier: BSD-3-Clause\n"),
    ("hcom/planted.py", b"x = 1;" * 100),
    ("hcom/planted.so", b"\x7fELF\x00\x00"),
    ("hcom/planted.dat", b"\xff\xfe\xfd"),
    ("hcom/_vendor/six.py", b"x = 1\n"),
)


class Copy(unittest.TestCase):
    """A copy of what the check looks at."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.repo = Path(place.name)
        shutil.copytree(
            ROOT / "hcom", self.repo / "hcom", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(ROOT / "pyproject.toml", self.repo)
        for name in ("README.md", "LICENSE"):
            (self.repo / name).write_text("ours\n")

    def plant(self, path: str, data: bytes) -> Path:
        planted = self.repo / path
        planted.parent.mkdir(exist_ok=True)
        planted.write_bytes(data)
        return planted

    def assert_fails(self, check, wanted: str) -> None:
        with self.assertRaisesRegex(vendor_check.Failed, wanted):
            check(self.repo)


class Imports(Copy):
    def plant(self, path: str, data: bytes) -> Path:
        shutil.rmtree(self.repo / "hcom")  # alone: the rest has been judged once
        (self.repo / "hcom").mkdir()
        return super().plant(path, data)

    def test_of_this_checkout(self):
        vendor_check.check_imports(ROOT)

    def test_the_table_is_right_for_this_python(self):
        public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
        self.assertEqual(vendor_check.stdlib(sys.version_info[:2]), public)

    def test_third_party(self):
        for text in THIRD_PARTY:
            with self.subTest(text):
                self.plant("hcom/hub/planted.py", text.encode())
                self.assert_fails(vendor_check.check_imports, r"hcom/hub/planted\.py:\d+: ")

    def test_not_in_every_python(self):
        for text in NOT_EVERYWHERE:
            with self.subTest(text):
                self.plant("hcom/hub/planted.py", text.encode())
                self.assert_fails(vendor_check.check_imports, r"of 3\.1\d")

    def test_what_is_fine(self):
        for text in FINE:
            with self.subTest(text):
                self.plant("hcom/planted.py", text.encode())
                vendor_check.check_imports(self.repo)

    def test_the_program_fails_on_a_planted_import(self):
        self.plant("hcom/bus/planted.py", b"import requests\n")  # and nothing else that could run
        (self.repo / "README.md").unlink()
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools/vendor_check.py"), str(self.repo)],
            env={**os.environ, "PIP_NO_INDEX": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(
            "FAILED: imports: hcom/bus/planted.py:1: requests is not in the standard "
            "library of 3.10, 3.11, 3.12, 3.13",
            done.stdout,
        )
        for line in ("FAILED: alone: ", "ok: own: ", "FAILED: wheel: "):
            self.assertIn(line, done.stdout)


class Rest(Copy):
    def test_alone(self):
        vendor_check.check_alone(self.repo)
        with open(self.repo / "hcom/cli/__init__.py", "a", encoding="utf-8") as file:
            file.write("\nimport tests\n")
        self.assert_fails(vendor_check.check_alone, "--version ended with 1: .*tests")

    def test_alone_without_a_module(self):
        (self.repo / "hcom/hub/mail.py").unlink()
        self.assert_fails(vendor_check.check_alone, "ended with 1")

    def test_own(self):
        vendor_check.check_own(self.repo)
        for path, data in NOT_OURS:
            with self.subTest(path, data=data[:20]):
                planted = self.plant(path, data)
                self.assert_fails(vendor_check.check_own, path)
                planted.unlink()

    def test_pyproject_read(self):
        self.assertIn("nothing was built", vendor_check.read_pyproject(self.repo))
        project = self.repo / "pyproject.toml"
        before = project.read_text()
        for text in (
            before.replace("dependencies = []", 'dependencies = ["rich"]'),
            before + '[tool.flit.sdist]\nexclude = ["hcom/terminal"]\n',
            before.replace("hcom.cli:main", "hcom.main:main"),
        ):
            project.write_text(text)
            self.assert_fails(vendor_check.read_pyproject, "pyproject.toml")
        project.write_text(before)
        (self.repo / "README.md").unlink()
        self.assert_fails(vendor_check.read_pyproject, "README.md, which is missing")


if __name__ == "__main__":
    unittest.main()
