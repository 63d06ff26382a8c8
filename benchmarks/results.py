"""What every benchmark says besides its figures: machine, versions, command; and who keeps them."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("andon", "river", "numpy", "pydantic", "orjson", "kafka-python")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table.

    >>> print(table(["what", "per s"], [["ours", 5200]]))
    | what | per s |
    | --- | --- |
    | ours | 5200 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def circumstances(seeds: str) -> str:
    """When, where, with what and how this run was made."""
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES) + _commit()
    script = Path(sys.argv[0])
    # Where this machine keeps its files is nobody else's business.
    given = [Path(word).name if word.startswith("/") else word for word in sys.argv[1:]]
    command = shlex.join(["python", f"benchmarks/{script.name}", *given])
    return "\n".join(
        [
            f"- Date: {datetime.now(UTC):%Y-%m-%d}",
            f"- Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()}, "
            f"Python {platform.python_version()}; load when begun {os.getloadavg()[0]:.1f}",
            f"- Versions: {versions}",
            f"- Seeds: {seeds}",
            f"- Command: `{command}`",
        ]
    )


def keep(text: str, section: str, path: Path | None) -> None:
    """Print ``text``, and make it the section of this name in the file, if there is a file."""
    print(text, flush=True)
    store(text, section, path)


def store(text: str, section: str, path: Path | None) -> None:
    """Make ``text`` the section of this name in the file, if there is a file."""
    if path is None:
        return
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    page = path.read_text("utf-8") if path.exists() else "# Results of the benchmarks\n"
    if begin not in page:
        page = f"{page.rstrip()}\n\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", "utf-8")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _commit() -> str:
    """The checkout's commit, if this is one: figures belong to a state of the code."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"; commit {found.stdout.strip()}" if found.returncode == 0 else ""


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
