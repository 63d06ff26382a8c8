"""A real Kafka broker for tests, benchmarks and manual work.

One KRaft process, broker and controller in one, on two free ports of 127.0.0.1. The jars come from
Maven once (``kafka/pom.xml``) and stay in ``$XDG_CACHE_HOME/andon/kafka-<version>``. Run by hand,

    python tests/support/kafka_broker.py

prints the bootstrap address and keeps the broker up until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from xml.etree import ElementTree

HERE = Path(__file__).parent / "kafka"
POM = HERE / "pom.xml"
OLDEST_JAVA = 17

SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.backoff.ms=200
log.retention.check.interval.ms=500
log.segment.delete.delay.ms=100
log.initial.task.delay.ms=100
num.network.threads=2
num.io.threads=2
background.threads=2
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=200
"""


class KafkaUnavailable(RuntimeError):
    """This machine cannot run a broker; the message says what is missing."""


def find_java() -> str:
    """The java to use; raises `KafkaUnavailable` without one of at least version 17."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise KafkaUnavailable("no java on the path: install a Java runtime, 17 or newer")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = version[1] if version else "unknown"
        raise KafkaUnavailable(f"java is version {found}: Kafka needs {OLDEST_JAVA} or newer")
    return java


def find_jars() -> Path:
    """The directory of the broker's jars, fetched with Maven the first time."""
    version = ElementTree.parse(POM).findtext("dependencies/dependency/version")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon"
    jars = cache / f"kafka-{version}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable(f"no jars in {jars} and no mvn on the path to fetch them with")
    cache.mkdir(parents=True, exist_ok=True)
    fetched = Path(tempfile.mkdtemp(prefix=f"kafka-{version}-", dir=cache))
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode or not any(fetched.glob("kafka_*.jar")):
            last = (done.stdout.strip() or "no output").splitlines()[-1]
            raise KafkaUnavailable(f"mvn could not fetch the broker's jars: {last}")
        # A session that fetched at the same time may have been first: its copy is as good.
        with contextlib.suppress(OSError):
            fetched.rename(jars)
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable("mvn did not fetch the broker's jars within 300 s") from None
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    return jars


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass(frozen=True)
class Listener:
    """A further port of a broker: its security protocol, settings without their prefix, and the
    name by which clients are told to call it."""

    protocol: str
    settings: Mapping[str, str] = field(default_factory=dict)
    advertised: str = "127.0.0.1"


class KafkaBroker:
    """One broker that can be stopped, killed, suspended and started again on its port and data."""

    def __init__(
        self,
        directory: Path | None = None,
        heap: str = "512m",
        listeners: Mapping[str, Listener] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._owned = tempfile.mkdtemp(prefix="andon-kafka-") if directory is None else None
        self.directory = Path(self._owned or str(directory))
        self.data = self.directory / "data"
        self.log = self.directory / "broker.log"
        self.heap = heap
        self._listeners = dict(listeners or {})
        self._more = dict(settings or {})
        self.port, self._controller, *others = free_ports(2 + len(self._listeners))
        self._ports = dict(zip(self._listeners, others, strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def address(self, listener: str) -> str:
        """The address of one of the additional listeners, ``host:port``."""
        return f"127.0.0.1:{self._ports[listener]}"

    def _settings(self) -> str:
        text = SETTINGS.format(port=self.port, controller=self._controller, data=self.data)
        for name, listener in self._listeners.items():
            for key, more in (
                ("listeners", f",{name}://{self.address(name)}"),
                (
                    "advertised.listeners",
                    f",{name}://{listener.advertised}:{self._ports[name]}",
                ),
                ("listener.security.protocol.map", f",{name}:{listener.protocol}"),
            ):
                text = re.sub(rf"(?m)^({re.escape(key)}=.*)$", rf"\1{more}", text)
            for key, value in listener.settings.items():
                text += f"listener.name.{name.lower()}.{key}={value}\n"
        return text + "".join(f"{key}={value}\n" for key, value in self._more.items())

    def start(self) -> KafkaBroker:
        """Start the process, formatting its storage the first time; answers itself."""
        settings = self.directory / "server.properties"
        if not self.data.exists():
            settings.write_text(self._settings())
            cluster = uuid.uuid4().hex[:22]
            format_storage = ["kafka.tools.StorageTool", "format", "-t", cluster]
            subprocess.run(
                self._java(*format_storage, "-c", str(settings)), check=True, capture_output=True
            )
        with (self.directory / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(settings)), stdout=console, stderr=console
            )
        return self

    def _java(self, *arguments: str) -> list[str]:
        # A test run that is killed must not leave its broker behind.
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        return [
            *tied,
            find_java(),
            *[f"-Xmx{self.heap}", *quick],
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
            f"-Dandon.log={self.log}",
            *["-cp", f"{find_jars()}/*"],
            *arguments,
        ]

    def wait_ready(self, timeout: float = 60.0) -> KafkaBroker:
        """Wait until the broker answers clients; raises RuntimeError with the end of its log."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the Kafka broker ended while starting:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no Kafka broker after {timeout} s:\n{self._last_words()}")
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        # ApiVersions v0, correlation id 1, no client id: the first request of every client.
        request = bytes.fromhex("0000000a 0012 0000 00000001 ffff".replace(" ", ""))
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(request)
                return len(connection.recv(8)) > 0
        except OSError:
            return False

    def _last_words(self) -> str:
        texts = [self.log, self.directory / "console.log"]
        return "\n".join(t.read_text(errors="replace")[-2000:] for t in texts if t.exists())

    def stop(self, timeout: float = 30.0) -> None:
        """Shut down in order (SIGTERM); kill when that takes too long."""
        self._end(lambda process: process.terminate(), timeout)

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut does."""
        self._end(lambda process: process.kill(), 30.0)

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None], timeout: float) -> None:
        if self._process is None:
            return
        self.resume()
        how(self._process)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self, timeout: float = 60.0) -> KafkaBroker:
        """Start again on the same port and data, and wait until it answers."""
        return self.start().wait_ready(timeout)

    def suspend(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Thaw the process (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Kill and delete the data, unless the directory was given."""
        self.kill()
        if self._owned is not None:
            shutil.rmtree(self._owned, ignore_errors=True)

    def __enter__(self) -> KafkaBroker:
        try:
            return self.start().wait_ready()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def main() -> None:
    """Run one broker in the foreground until Ctrl-C or SIGTERM."""
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    with KafkaBroker() as broker:
        print(broker.bootstrap, flush=True)
        asked_to_end.wait()


if __name__ == "__main__":
    main()
