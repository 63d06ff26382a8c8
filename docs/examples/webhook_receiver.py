"""A receiver of andon's alerts to start from: verifies, keeps each alert once, answers at once.

    ANDON_SECRET_MES=whsec_... python webhook_receiver.py 8080 alerts.sqlite

An alert is in the database, synced, before it is answered; one that comes again is known by its
webhook-id. Work on the table `alerts` at a pace of your own. Needs: pip install standardwebhooks.
"""

import os
import re
import sqlite3
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

MAX_BODY = 64 * 1024  # more than any alert
CREATE = "CREATE TABLE IF NOT EXISTS alerts (id TEXT PRIMARY KEY, body BLOB NOT NULL)"
INSERT = "INSERT OR IGNORE INTO alerts VALUES (?, ?)"


class Receiver(ThreadingHTTPServer):
    """Alerts in, rows out; several secrets, separated by spaces, while one is rotated."""

    daemon_threads = True

    def __init__(self, port, database, secrets):
        self.webhooks = [Webhook(secret) for secret in secrets.split()]
        self.lock = threading.Lock()
        self.database = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(CREATE)
        super().__init__(("127.0.0.1", port), Handler)

    def verifies(self, body, headers):
        """Whether a known secret has signed exactly these bytes within the last five minutes."""
        for webhook in self.webhooks:
            with suppress(Exception):  # the library raises many kinds for headers without sense
                webhook.verify(body, headers, json_parse=False)
                return True
        return False

    def keep(self, name, body):
        """Keep an alert; False for one that was kept before."""
        with self.lock:
            return self.database.execute(INSERT, (name, body)).rowcount == 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if re.fullmatch("[0-9]{1,6}", length) is None or int(length) > MAX_BODY:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self.server.verifies(body, headers):
            return self.answer(401)
        if self.server.keep(headers["webhook-id"], body):
            print(body.decode(), flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    port, database = sys.argv[1:]
    receiver = Receiver(int(port), database, os.environ["ANDON_SECRET_MES"])
    print(f"listening on http://127.0.0.1:{receiver.server_address[1]}/", flush=True)
    receiver.serve_forever()
