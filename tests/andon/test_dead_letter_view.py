"""A dead letter on a terminal: all that it holds, and nothing that steers."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.dead_letter_view import letter_dict, letter_text
from andon.dead_letters import Letter
from stream.events import DeadLetter
from stream.log import Record

WORDS = st.text(max_size=20)


def letter(
    value: bytes | None, headers: tuple[tuple[str, bytes], ...] = (), key: bytes = b"k", **said: str
) -> Letter:
    fields = {"topic": "shots", "partition": 0, "offset": 7, "stage": "decode"}
    reason = DeadLetter.model_validate({**fields, "error": "bad", "message": "no", **said})
    record = Record("andon.dead-letters", 0, 3, key, value, (*headers, *reason.to_headers()), 1)
    return Letter(reason, record)


@settings(max_examples=50)
@given(st.binary(max_size=40), st.binary(max_size=9), WORDS, st.binary(max_size=9), WORDS, WORDS)
def test_nothing_of_a_letter_reaches_a_terminal_raw(
    value: bytes, key: bytes, name: str, header: bytes, topic: str, message: str
) -> None:
    hostile = letter(value, ((name, header),), key, topic=topic, message=message, error=message)
    shown = letter_text(hostile)
    assert all(c == "\n" or c.isprintable() for c in shown)
    body = shown[shown.index("\nvalue ") + 1 :].split("\n")[1:]
    assert all(line.startswith("  ") for line in body)


def test_text_is_shown_line_by_line_and_binary_in_hexadecimal() -> None:
    assert letter_text(letter(b'{\n "a": 1\n}')).endswith('text:\n  {\n   "a": 1\n  }')
    assert letter_text(letter(b"\xff\x00A")).endswith(" ..A")
    assert "00000000  ff 00 41" in letter_text(letter(b"\xff\x00A"))
    assert letter_text(letter(None)).endswith("value       none")


def test_a_value_that_was_cut_says_so_even_in_the_middle_of_a_character() -> None:
    shown = letter_text(letter("aé".encode()[:2], length="70000", sha256="abc"))
    assert (
        "2 bytes of text, the first of 70,000: the rest was not kept (SHA-256 of the whole abc"
        in (shown)
    )
    assert letter_dict(letter(b"a", length="70000", sha256="abc"))["truncated"] is True


def test_a_long_value_is_shown_in_part_unless_all_is_wanted() -> None:
    long = letter(b"x" * 5000)
    assert letter_text(long).endswith("... 904 bytes more: --bytes 0 shows all")
    assert letter_text(long, 0).endswith("x" * 5000)


def test_for_a_script_it_is_json_that_keeps_every_byte() -> None:
    said = json.loads(json.dumps(letter_dict(letter(b"\xff", (("h", b"\x1b"),)))))
    assert said["value"] == {"hex": "ff"}
    assert said["headers"] == [{"name": "h", "text": "\x1b"}]
    assert said["origin"] == {"topic": "shots", "partition": 0, "offset": 7, "appended": None}
    assert said["length"] == 1
