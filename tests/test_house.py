"""The house: who may import whom, whose names these are, and how a file looks."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("andon", "producers", "stream", "alerts", "models")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CODE = [*MODULES, *sorted((ROOT / "benchmarks").rglob("*.py"))]
LONGEST = 400
# Split, so that this file does not hold what it looks for.
HOME = re.compile(r"(?<![\w.-])(?:/ho" r"me|/Us" r"ers|/ro" r"ot|[A-Za-z]:\\Us" r"ers)[/\\][\w.]")
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ".sh", ".cfg", ".csv", ""}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def own_files() -> list[Path]:
    """What belongs to the repository: tracked, or new and not ignored."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return CODE
    command = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [ROOT / each for each in found.split("\0") if each and (ROOT / each).is_file()]


def test_imports_go_downward_and_pure_modules_stay_pure() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_other_distribution_provides_our_names() -> None:
    providers = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(providers.get(package, [])) <= {"andon"}, package


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_module_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST


def test_no_file_names_a_home_directory() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in own_files()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1)
        if HOME.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cd /ho" + "me/kim/andon", True),
        ("/ro" + "ot/.cache", True),
        (r"C:\Us" + r"ers\kim", True),
        ("https://example.com/ho" + "me/page", False),
        ("state/andon.sqlite", False),
    ],
)
def test_a_home_directory_is_recognised(line: str, found: bool) -> None:
    assert bool(HOME.search(line)) is found


def test_no_folder_of_tests_is_a_package() -> None:
    assert not [name(path) for path in (ROOT / "tests").rglob("__init__.py")]
