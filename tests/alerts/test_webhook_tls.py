"""One attempt over TLS: the address is pinned, the certificate is for the name."""

from __future__ import annotations

import socket

import pytest
from webhooks import LOCAL, SECRET, RawServer, TlsServer

from alerts.delivery import Answer
from alerts.endpoint import Endpoint
from alerts.webhook import WebhookSender


def send(endpoint: Endpoint, **how) -> Answer:
    sender = WebhookSender(endpoint, **how)
    try:
        return sender.send("a1", b"{}")
    finally:
        sender.close()


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def test_tls_is_checked_against_the_name_though_the_address_is_pinned(tmp_path):
    tls = TlsServer(tmp_path, "mes.plant.example")
    with tls.server:
        endpoint = tls.endpoint("mes.plant.example", ca_file=str(tls.certificate))
        assert send(endpoint, resolver=here) == Answer(204)
    assert tls.names == ["mes.plant.example"]
    assert f"Host: mes.plant.example:{tls.server.port}" in tls.server.requests[0][0].decode()


def test_a_certificate_of_an_unknown_authority_gets_no_request(tmp_path):
    tls = TlsServer(tmp_path, "mes.plant.example")
    with tls.server:
        answer = send(tls.endpoint("mes.plant.example"), resolver=here)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.error
    assert tls.server.requests == []


def test_a_certificate_for_another_name_gets_no_request(tmp_path):
    tls = TlsServer(tmp_path, "mes.plant.example")
    with tls.server:
        endpoint = tls.endpoint("erp.plant.example", ca_file=str(tls.certificate))
        answer = send(endpoint, resolver=here)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.error
    assert tls.server.requests == []


def test_plain_http_behind_https_is_an_answer():
    def behave(connection: socket.socket, server: RawServer) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")

    with RawServer(behave) as server:
        endpoint = Endpoint("mes", f"https://127.0.0.1:{server.port}/", (SECRET,), False, LOCAL)
        assert send(endpoint).error.startswith("cannot connect: ")


def test_a_missing_ca_file_is_named():
    endpoint = Endpoint("mes", "https://hooks.example.com/", (SECRET,), ca_file="/nowhere/ca.pem")
    with pytest.raises(ValueError, match=r"ca_file '/nowhere/ca.pem' cannot be used"):
        WebhookSender(endpoint)
