"""What the figures were measured on, and what a process used: read from /proc.

Owns parsing of /proc. Starts nothing and measures no packets.
"""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """CPU time and memory of a process.

    cpu_seconds   user and system time of all its threads since it started; resolution 10 ms
    rss_mib       resident memory
    """

    cpu_seconds: float
    rss_mib: float


def usage(pid: int) -> Usage:
    """Read a process's CPU time and memory. Raises ProcessLookupError when it has gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error
    # The command name is in parentheses and may hold spaces: count fields from the last one.
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    resident = 0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            resident = int(line.split()[1])
    return Usage(cpu_seconds=ticks / TICKS_PER_SECOND, rss_mib=resident / 1024)


def stolen_seconds() -> float:
    """CPU time the hypervisor gave to others since boot, all cores together; 0 on bare metal."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    return int(fields[8]) / TICKS_PER_SECOND if len(fields) > 8 else 0.0


def cpu_pair(router_cpu: int | None = None, load_cpu: int | None = None) -> tuple[int, int]:
    """The cores for the router and for the load: the first two we may use, unless chosen.

    With a single core both are the same, and every figure halves.
    """
    allowed = sorted(os.sched_getaffinity(0))
    router = allowed[0] if router_cpu is None else router_cpu
    other = [cpu for cpu in allowed if cpu != router] or [router]
    return router, other[0] if load_cpu is None else load_cpu


def describe(router_cpu: int, load_cpu: int) -> dict[str, str | int | float]:
    """The machine and the versions that matter, for the head of a report."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count() or 1,
        "router_cpu": router_cpu,
        "load_cpu": load_cpu,
        "memory_mib": memory_mib(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "uvloop": version("uvloop"),
        "ilprouter": version("ilprouter"),
        "load_average": round(os.getloadavg()[0], 2),
    }


def cpu_model() -> str:
    """The processor's name, or the architecture where /proc/cpuinfo has none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def memory_mib() -> int:
    """Total memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def version(package: str) -> str:
    """The installed version of a distribution, or "unknown" in a source tree."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
