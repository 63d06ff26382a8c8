"""``andon receive``: a stand-in for the receiver of an endpoint, which shows what comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer
from pydantic import ValidationError

from alerts.alert import Alert
from alerts.receiver import Received, Receiver
from alerts.wording import headline, plain
from alerts.words import Language
from andon.command import ConfigOption, JsonOption, read_settings, running
from andon.endpoints import EndpointSection, open_endpoints
from andon.mistakes import nearest
from andon.settings import Settings
from andon.terminal import Stop, out, plain_json
from stream.errors import ConfigError

log = structlog.get_logger()

_REFUSED_S = 1.0


def receive(
    name: Annotated[str, typer.Argument(help="The endpoint's name in the settings.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on. [default: that of the URL]"),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Receive what is delivered to an endpoint, and print it. Runs until Ctrl-C or SIGTERM.

    For trying an endpoint out before its real receiver is there: it listens on plain HTTP where
    the endpoint's URL leads, verifies signatures with the endpoint's secrets, and prints each
    alert once, as a sentence or (--json) as one JSON object a line. GET /healthz answers 200.

    Examples:

    ```
    andon receive mes
    andon receive mes --host 0.0.0.0 --port 8080 --json
    ```
    """
    with running() as stop:
        settings = read_settings(config)
        section = _section(settings, name)
        [endpoint] = open_endpoints([section], os.environ)
        target = urlsplit(endpoint.url)
        if port is None:
            port = target.port or (443 if target.scheme == "https" else 80)
        show = _json_line if as_json else partial(_sentence, settings.alerts.language)
        try:
            receiver = Receiver(endpoint.secrets, host, port, on_alert=_until_gone(show, stop))
        except OSError as error:
            raise ConfigError(
                f"{plain(host)}:{port} cannot be listened on ({error.strerror or error}): choose "
                f"another --host or --port"
            ) from None
        with receiver:
            log.info("andon.receiver_started", endpoint=name, url=receiver.url)
            _tell_refused(receiver, name, stop)
        log.info(
            "andon.receiver_stopped",
            alerts=len(receiver.received),
            repeated=receiver.duplicates,
            refused=receiver.refused,
        )


def _tell_refused(receiver: Receiver, endpoint: str, stop: Stop) -> None:
    """Until the end; at most a line a second, as anybody who reaches the port can be refused."""
    told = 0
    while not stop.wait(_REFUSED_S):
        if receiver.refused > told:
            told = receiver.refused
            log.warning(
                "andon.receiver_refused", endpoint=endpoint, refused=told, why=receiver.refused_why
            )


def _section(settings: Settings, name: str) -> EndpointSection:
    sections = {section.name: section for section in settings.endpoints}
    if name in sections:
        return sections[name]
    meant = nearest(name, sections)
    known = ", ".join(sections)
    remedy = "add it as [[endpoints]]" + (f", or name one of these: {known}" if known else "")
    raise ConfigError(
        f"endpoint {plain(name)} is not in the settings: "
        + (f"did you mean {meant}?" if meant else remedy)
    )


def _until_gone(show: Callable[[Received], None], stop: Stop) -> Callable[[Received], None]:
    """``show``, ending the command when whoever reads its output has gone."""

    def shown(received: Received) -> None:
        try:
            show(received)
        except BrokenPipeError:
            # Unanswered, so that the alert is delivered again to whoever comes next.
            stop.set()
            raise

    return shown


def _sentence(language: Language, received: Received) -> None:
    try:
        said = headline(Alert.model_validate(received.alert), language)
    except ValidationError:
        # Signed by us, so perhaps of a later version: shown as it came.
        said = plain(received.body.decode("utf-8", "replace"))
    out.print(said)


def _json_line(received: Received) -> None:
    # Its line ends, which are outside of texts, as spaces: one alert is one line.
    body = plain_json(received.body.decode().replace("\n", " "))
    sys.stdout.buffer.write(body.encode() + b"\n")
    sys.stdout.buffer.flush()
