"""The references of settings and metrics, written from the code that reads and serves them.

``python -m andon.reference docs/settings.md docs/metrics.md`` renews the tables in these pages; a
test fails when they differ from the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from andon.endpoints import EndpointSection
from andon.environment import variable
from andon.metrics import metrics_reference
from andon.mistakes import Schema, allowed, shown
from andon.settings import Settings

BEGIN = "<!-- reference: begin -->"
END = "<!-- reference: end -->"


def settings_reference() -> str:
    """A Markdown table for each section: key, default, meaning with its unit, values, variable.

    >>> settings_reference().splitlines()[0]
    '### `[log]`'
    """
    parts = []
    for section, field in Settings.model_fields.items():
        if section == "endpoints":
            parts.append(_section(f"[[{section}]]", EndpointSection, section))
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts.append(_section(f"[{section}]", field.annotation, section))
    return "\n".join(parts)


def renewed(page: str) -> str:
    """The page with the present references between their marks; ValueError without marks."""
    found = False
    for begin, end, reference in (
        (BEGIN, END, settings_reference),
        ("<!-- metrics: begin -->", "<!-- metrics: end -->", metrics_reference),
    ):
        before, begun, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if begun and ended:
            page = f"{before}{begin}\n\n{reference()}\n{end}{after}"
            found = True
    if not found:
        raise ValueError(f"the page lacks {BEGIN} or {END}: put both where the tables belong")
    return page


def _section(title: str, model: type[BaseModel], section: str) -> str:
    single = section != "endpoints"
    head = ["Key", "Default", "Meaning", "Values"] + (["Variable"] if single else [])
    lines = [
        f"### `{title}`",
        "",
        " ".join((model.__doc__ or "").replace("``", "`").split()),
        "",
        _row(head),
        _row(["---"] * len(head)),
    ]
    for key, schema in model.model_json_schema()["properties"].items():
        cells = [f"`{key}`", _default(schema), str(schema["description"]), allowed(schema)]
        lines.append(_row(cells + ([f"`{variable(section, key)}`"] if single else [])))
    return "\n".join(lines) + "\n"


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return "must be given"
    return "none" if schema["default"] is None else f"`{shown(schema['default'])}`"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(renewed(Path(name).read_text("utf-8")), "utf-8")
