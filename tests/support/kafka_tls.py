"""Certificates for a Kafka broker and its clients, made with openssl for the occasion.

One authority, and signed by it: the broker's certificate for 127.0.0.1 and localhost, one for
127.0.0.1 alone, one for another name, one that has expired, and a client's. A second authority
has signed nothing here.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

KEY_PASSWORD = "key-Pa55 word"


class Certificates:
    """The PEM files, in one folder; a key lies in the same file as its certificate."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed: the tests of TLS to Kafka did not run")
        self.folder = folder
        self.authority = self._authority("authority")
        self.other_authority = self._authority("other")
        self.broker = self._signed("broker", "IP:127.0.0.1,DNS:localhost")
        self.numeric = self._signed("numeric", "IP:127.0.0.1")
        self.other_name = self._signed("elsewhere", "DNS:broker.plant.example")
        self.expired = self._signed("expired", "IP:127.0.0.1", days=-1)
        self.client = self._signed("client", "DNS:andon")
        self.client_key = folder / "client.encrypted.key"
        self._run(
            "pkcs8",
            *["-topk8", "-v2", "aes256", "-in", str(folder / "client.key")],
            *["-passout", f"pass:{KEY_PASSWORD}", "-out", str(self.client_key)],
        )
        self.client_key.chmod(0o600)

    def self_signed(self) -> Path:
        """A certificate that only vouches for itself, with its key."""
        made = self._authority("stranger")
        made.write_text(made.read_text() + (self.folder / "stranger.key").read_text())
        return made

    def _authority(self, name: str) -> Path:
        made = self.folder / f"{name}.pem"
        self._run(
            "req",
            *["-x509", *self._new_key(name), "-days", "2", "-subj", f"/CN={name}"],
            *["-out", str(made)],
        )
        return made

    def _signed(self, name: str, names: str, days: int = 2) -> Path:
        made, asked = self.folder / f"{name}.pem", self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        self._run("req", *self._new_key(name), "-subj", f"/CN={name}", "-out", str(asked))
        self._run(
            "x509",
            *["-req", "-in", str(asked), "-days", str(days), "-extfile", str(extensions)],
            *["-CA", str(self.authority), "-CAkey", str(self.folder / "authority.key")],
            *["-CAcreateserial", "-out", str(made)],
        )
        with made.open("a") as file:
            file.write((self.folder / f"{name}.key").read_text())
        made.chmod(0o600)
        return made

    def _new_key(self, name: str) -> list[str]:
        made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*made, "-keyout", str(self.folder / f"{name}.key")]

    @staticmethod
    def _run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
