"""Paths lead into a document, or say how they are to be written."""

from __future__ import annotations

from typing import Any

import pytest

from producers.json_path import MISSING, Document, parse_path

RECORD: dict[str, Any] = {
    "header": {"ts": 5, "a.b": {"c": [10, 20]}},
    "items": [{"sn": "P-1", "none": None}, {"sn": "P-2"}],
}
DOCUMENT = Document(RECORD["items"][0], RECORD, "P-1", 1234)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("sn", "P-1"),
        ("none", None),
        ("$", RECORD),
        ("$.header.ts", 5),
        ("$.items[1].sn", "P-2"),
        ("$.items[-1].sn", "P-2"),
        (["$", "header", "a.b", "c", 1], 20),
        ("@key", "P-1"),
        ("@timestamp", 1234),
    ],
)
def test_a_path_finds_what_stands_there(written: Any, found: Any) -> None:
    assert parse_path(written).find(DOCUMENT) == found


@pytest.mark.parametrize(
    "written", ["other", "sn.deeper", "$.items[2]", "$.items[-3]", "$.items.sn", "none[0]"]
)
def test_a_path_that_leads_nowhere_is_missing_and_not_null(written: str) -> None:
    assert parse_path(written).find(DOCUMENT) is MISSING


def test_a_list_at_the_top_can_be_indexed() -> None:
    assert parse_path("$[1]").find(Document(None, [1, 2])) == 2


def test_a_record_without_a_key_has_none_to_find() -> None:
    assert parse_path("@key").find(Document({}, {})) is MISSING


@pytest.mark.parametrize(
    "written", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a]", "$.", "$x[", "@", "@other", []]
)
def test_a_path_that_is_none_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"path|unknown|nothing"):
        parse_path(written)
