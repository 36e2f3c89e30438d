"""What the service manager wants to hear: ready, reloading, stopping, alive.

Owns the notification socket of sd_notify(3). Must not know why the router is ready or alive.
"""

import os
import socket


def notify(state: str) -> bool:
    """Tell the service manager `state`, e.g. "READY=1" or "STATUS=3 of 4 peers up".

    state    lines of NAME=value as in sd_notify(3), without a NUL
    returns  whether a manager was told; in a terminal or a container there is none
    raises   nothing: a manager that does not listen must not stop the router
    source   sd_notify(3); NOTIFY_SOCKET is a path, or "@name" for an abstract socket
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(1.0)  # a manager that is stuck costs a second, not the packet path
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def watchdog_interval_s() -> float | None:
    """How often to send "WATCHDOG=1", or None when the manager does not watch.

    Half of the time it allows. WATCHDOG_PID names another process when it is not meant for us.
    source   sd_watchdog_enabled(3)
    """
    usec = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2_000_000
