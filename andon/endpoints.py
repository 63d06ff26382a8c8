"""The endpoints in the settings, and their secrets, which the settings only point to.

A secret lies in an environment variable or in a file; the settings hold that variable's or file's
name. It is read by the command that signs with it and by no other (`open_endpoints`), so a worker
needs no secrets to run, and no setting can show one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from alerts.addresses import parse_allowed, parse_url
from alerts.alert import Severity
from alerts.endpoint import SECRET_PREFIX, Endpoint
from andon.mistakes import plain
from andon.secret_files import read_secret_file, read_secret_variable
from andon.sections import FilePath, Section, Variable
from stream.errors import ConfigError


def _no_secret(path: Path) -> Path:
    if path.name.startswith(SECRET_PREFIX):
        raise ValueError("this is a secret itself: write the name of the file that holds it")
    return path


def _network(entry: str) -> str:
    parse_allowed(entry)
    return entry


def _worded(allowed: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "allowed": allowed})


EndpointName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$"),
    _worded("1 to 64 letters, digits, '.', '_' or '-'"),
]
AlertType = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]+\.[a-z_]+$"),
    _worded("an alert's type such as 'part.at_risk'"),
]
AllowedNetwork = Annotated[
    str, AfterValidator(_network), _worded("'host=network' such as 'mes.example=10.20.0.0/16'")
]


class EndpointSection(Section):
    """One receiver of alerts, a webhook; ``[[endpoints]]`` may occur any number of times."""

    name: EndpointName = Field(description="names the endpoint in logs and in the outbox; unique")
    allow_http: bool = Field(False, description="whether alerts may travel unencrypted")
    allow_networks: Annotated[tuple[AllowedNetwork, ...], Strict(False)] = Field(
        (), description="inner networks that a host may be in, as host=network"
    )
    allow_ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Strict(False)] = (
        Field((), description="ports besides 443 and 8443 (80 and 8080 with allow_http)")
    )
    url: str = Field(description="where alerts are posted to; shown as scheme and host only")
    secrets_env: Annotated[tuple[Variable, ...], Strict(False)] = Field(
        (), description="environment variables that hold the signing secrets, the newest first"
    )
    secrets_files: Annotated[
        tuple[Annotated[FilePath, AfterValidator(_no_secret)], ...], Strict(False)
    ] = Field((), description="files that hold one signing secret each")
    types: Annotated[tuple[AlertType, ...], Strict(False)] = Field(
        (), description="the types of alert wanted; empty: all"
    )
    min_severity: Severity = Field("low", description="the least severity wanted")
    timeout_s: float = Field(15.0, gt=0, le=60, description="seconds for one attempt")
    ca_file: FilePath | None = Field(
        None, description="PEM file of the one authority trusted; left out: the public ones"
    )

    @field_validator("url")
    @classmethod
    def _url_may_be_called(cls, url: str, info: ValidationInfo) -> str:
        known = info.data
        if "allow_networks" in known and "allow_ports" in known and "allow_http" in known:
            parse_url(
                url,
                allow_http=known["allow_http"],
                allow_ports=known["allow_ports"],
                allowed=tuple(map(parse_allowed, known["allow_networks"])),
            )
        return url

    @field_validator("secrets_files")
    @classmethod
    def _some_secret_is_named(
        cls, files: tuple[Path, ...], info: ValidationInfo
    ) -> tuple[Path, ...]:
        if not files and not info.data.get("secrets_env", True):
            raise ValueError(
                "no signing secret is named, here or in secrets_env: write for instance "
                "secrets_env = ['ANDON_SECRET_MES']"
            )
        return files

    @property
    def host(self) -> str:
        """The URL's scheme, host and port: what may be shown of it."""
        target = parse_url(
            self.url,
            allow_http=self.allow_http,
            allow_ports=self.allow_ports,
            allowed=tuple(map(parse_allowed, self.allow_networks)),
        )
        return f"{target.scheme}://{target.authority}"


def open_endpoints(
    sections: Sequence[EndpointSection], environ: Mapping[str, str]
) -> tuple[Endpoint, ...]:
    """The endpoints with their secrets, ready to deliver to.

    Raises `ConfigError` with one line for each secret that is missing or malformed.

    >>> mes = EndpointSection(name="mes", url="https://mes.example.com/", secrets_env=("MES",))
    >>> open_endpoints([mes], {"MES": "whsec_" + "QUJD" * 8})
    (Endpoint(name='mes', min_severity='low'),)
    >>> open_endpoints([mes], {})
    Traceback (most recent call last):
    stream.errors.ConfigError: endpoints.mes.secrets_env: environment variable MES is not set: ...
    """
    endpoints: list[Endpoint] = []
    mistakes: list[str] = []
    for section in sections:
        found = list(_secrets(section, environ))
        endpoint = _endpoint(section, [secret for _, secret, _ in found if secret])
        mistakes += [said for _, _, said in found if said]
        mistakes += [
            f"{where}: the value (not shown) is no signing secret: make it '{SECRET_PREFIX}' and "
            f"24 to 64 random bytes in base64"
            for where, secret, _ in found
            if secret and _endpoint(section, [secret]) is None
        ]
        if endpoint is not None:
            endpoints.append(endpoint)
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return tuple(endpoints)


def _secrets(
    section: EndpointSection, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Where each secret is said to be, the secret or "", and what is wrong or ""."""
    key = f"endpoints.{section.name}"
    for variable in section.secrets_env:
        where = f"{key}.secrets_env: environment variable {variable}"
        try:
            secret = read_secret_variable(
                f"{key}.secrets_env", variable, environ, "set it, or remove its name"
            ).strip()
        except ConfigError as refusal:
            yield where, "", str(refusal)
        else:
            yield where, secret, "" if secret else f"{where} is empty: set it to a secret"
    for path in section.secrets_files:
        where = f"{key}.secrets_files: {plain(str(path))}"
        try:
            content = read_secret_file(f"{key}.secrets_files:", path, "write one secret into it")
            secret = content.decode("ascii").strip()
        except ConfigError as refusal:
            yield where, "", str(refusal)
            continue
        except UnicodeDecodeError:
            yield where, "", f"{where} is not ASCII text: write one secret into it"
            continue
        yield where, secret, "" if secret else f"{where} is empty: write one secret into it"


def _endpoint(section: EndpointSection, secrets: Sequence[str]) -> Endpoint | None:
    """The endpoint, None if it refuses the secrets (all else has been checked)."""
    try:
        return Endpoint(
            name=section.name,
            url=section.url,
            secrets=tuple(secrets),
            allow_http=section.allow_http,
            allow_networks=section.allow_networks,
            allow_ports=section.allow_ports,
            types=section.types or None,
            min_severity=section.min_severity,
            timeout_s=section.timeout_s,
            ca_file=None if section.ca_file is None else str(section.ca_file),
        )
    except ValueError:
        return None
