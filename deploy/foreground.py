"""`make run`: brings one stack up in order, says where it is, and keeps it up until told to stop."""

import fcntl
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.home import CHECKOUT
from deploy import environment, processes, static
from deploy.layout import Layout
from deploy.pieces import ORDER, STOP_SIGNALS, STORES, Options, Workshop, program
from deploy.postgres import Cluster
from deploy.problem import Problem
from deploy.supervisor import Supervisor


def run(options: Options, report: Callable[[str], None], lifeline: int | None = None) -> None:
    """Start everything, wait for a signal (or the end of `lifeline`), stop everything."""
    layout = Layout(options.home)
    layout.prepare()
    with _alone(layout), Supervisor(layout, report, lifeline) as supervisor:
        for name in reversed(ORDER):
            if processes.end_leftover(layout.pid_file(name), STOP_SIGNALS.get(name, 15)):
                report(f"ended {name}, left over from a stack that was killed")
        workshop = _prepare(options, layout)
        _start(workshop, supervisor)
        layout.ready.touch()
        try:
            report(_welcome(options, layout))
            supervisor.watch()
            report("stopping")
        finally:
            layout.ready.unlink(missing_ok=True)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the home's lock; a second stack in the same home is refused."""
    with (layout.run / "lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Problem(
                f"Roadstead runs already from {layout.home} (process {lock.read().strip()}):"
                " stop it first, or set ROADSTEAD_HOME and ROADSTEAD_PORT."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            shutil.rmtree(layout.sockets_in_tmp, ignore_errors=True)


def _prepare(options: Options, layout: Layout) -> Workshop:
    """Everything that can be found wrong before a process is started."""
    layout.ready.unlink(missing_ok=True)
    if "nginx" in options.only:
        check_port(options.port)
        check_certificate(options.certificate, options.key)
    cluster = Cluster(layout, options.durable)
    cluster.prepare()
    values = environment.prepare(layout, os.environ, cluster.sockets)
    workshop = Workshop(options, layout, cluster, values)
    workshop.configure()
    if "nginx" in options.only:
        _check_nginx(layout)
    return workshop


def _start(workshop: Workshop, supervisor: Supervisor) -> None:
    wanted = [name for name in ORDER if name in workshop.options.only]
    supervisor.start(workshop.piece(name) for name in wanted if name in STORES)
    workshop.cluster.make_database(environment.secret(workshop.layout.secrets / "database-password"))
    if "web" not in wanted:
        return
    manage = [sys.executable, str(CHECKOUT / "manage.py")]
    supervisor.run("migrate", [*manage, "migrate", "--noinput"], workshop.environment)
    password = _admin_password(workshop.layout)
    supervisor.run("bootstrap", [*manage, "bootstrap"], workshop.environment | {"ROADSTEAD_ADMIN_PASSWORD": password})
    if not workshop.layout.admin_password.exists():  # only now: bootstrap refuses a password that breaks the rules
        environment.write_private(workshop.layout.admin_password, password + "\n")
    _collect_static(workshop, supervisor, manage)
    supervisor.start(workshop.piece(name) for name in wanted if name not in STORES)


def _collect_static(workshop: Workshop, supervisor: Supervisor, manage: list[str]) -> None:
    if not static.is_collected(workshop.layout):
        supervisor.run("static", [*manage, "collectstatic", "--noinput"], workshop.environment)
        static.note(workshop.layout)


def _admin_password(layout: Layout) -> str:
    """The first administrator's password: given, or generated once. It is set when the account is made, never later."""
    return os.environ.get("ROADSTEAD_ADMIN_PASSWORD") or environment.secret(layout.admin_password, 18)


def check_port(port: int) -> None:
    """Problem when nginx could not listen there."""
    families = [(socket.AF_INET, "0.0.0.0")]  # noqa: S104 - the registry is for everybody who can reach the machine
    if Path("/proc/net/if_inet6").exists():
        families.append((socket.AF_INET6, "::"))
    for family, address in families:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
            except PermissionError as error:
                raise Problem(f"Port {port} may only be opened by root: run as root, or set ROADSTEAD_PORT.") from error
            except (OSError, OverflowError) as error:
                raise Problem(f"Port {port} is taken: stop what listens there, or set ROADSTEAD_PORT.") from error


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Problem unless both files can be read and belong together (or none is given)."""
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise Problem("TLS needs both ROADSTEAD_TLS_CERT and ROADSTEAD_TLS_KEY: set the other one too.")
    for name, path in (("ROADSTEAD_TLS_CERT", certificate), ("ROADSTEAD_TLS_KEY", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise Problem(f"{name}={path} cannot be read ({error.strerror}): give the path of a PEM file.") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise Problem(
            f"ROADSTEAD_TLS_CERT={certificate} and ROADSTEAD_TLS_KEY={key} are no PEM pair without a passphrase"
            f" ({getattr(error, 'reason', None) or error}): give a certificate and its own key."
        ) from error


def _no_password() -> str:
    raise ValueError("the key has a passphrase")


def _check_nginx(layout: Layout) -> None:
    configuration = layout.configuration / "nginx.conf"
    done = subprocess.run(
        [program("nginx"), "-t", "-q", "-e", "stderr", "-p", str(layout.home), "-c", str(configuration)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Problem(f"nginx refuses {configuration}: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")


def _welcome(options: Options, layout: Layout) -> str:
    if "nginx" not in options.only:
        return f"Ready: {', '.join(options.only)} in {layout.home}"
    return (
        f"\nRoadstead is ready.\n  URL        {options.url}\n  user       admin\n"
        f"  password   in {layout.admin_password}\n  logs       {layout.home / 'log'}\nCtrl-C stops it."
    )
