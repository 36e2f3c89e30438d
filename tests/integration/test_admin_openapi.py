"""The OpenAPI document against the router that serves it: who writes a client is not surprised.

schemathesis calls every operation of a real router process, with good and with bad inputs.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ilprouter.bench.process import RouterProcess
from ilprouter.bench.topology import PeerSpec, Topology, free_ports, free_udp_ports

DEEP = bool(os.environ.get("ILPROUTER_DEEP"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)


@dataclass(frozen=True)
class Listening(Topology):
    """A topology whose admin API also listens on TCP."""

    listen: str = ""

    def to_toml(self):
        return super().to_toml().replace("[admin]\n", f'[admin]\nlisten = "{self.listen}"\n')


@pytest.fixture
def router(tmp_path):
    (http, admin), (udp, payer, payee) = free_ports(2), free_udp_ports(3)
    topology = Listening(
        listen=f"127.0.0.1:{admin}",
        directory=tmp_path,
        peers=(
            PeerSpec("payer", "udp", payer),
            PeerSpec("payee", "udp", payee, prefix="g.payee"),
        ),
        ports={"udp": udp, "http": http},
    )
    process = RouterProcess(topology)
    process.base = f"http://127.0.0.1:{admin}"
    process.wait_ready()
    yield process
    assert process.stop() == 0
    assert "an admin command failed" not in process.log_path.read_text()


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_s5_nothing_undocumented_and_no_server_error(router, tmp_path, capsys):
    document = router.get("/v1/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    report = tmp_path / "report"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{router.base}/v1/openapi.json"]
    command += [
        "--checks",
        CHECKS,
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "50" if DEEP else "5",
    ]
    command += ["--seed", "4", "--suppress-health-check", "all", "--no-color"]
    command += ["--max-time", "600" if DEEP else "25"]
    command += ["--report", "ndjson", "--report-dir", str(report), "--warnings", "off"]
    command += ["--generation-database", "none", "--request-timeout", "60"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    statuses = re.findall(r'"status_code": ?(\d+)', next(report.glob("*.ndjson")).read_text())
    found = {status: statuses.count(status) for status in sorted(set(statuses))}
    assert int(found.get("200", 0)) > 50 and "500" not in found, json.dumps(found)
    with capsys.disabled():
        print(f"\nschemathesis: {len(statuses)} answers by status {found}")
