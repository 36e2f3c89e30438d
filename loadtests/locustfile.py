"""Drive a running router from outside: every user is a peer that posts Prepares over ILP-over-HTTP.

Owns the shape of the load and what counts as a failure. Must not import the router, apart from its
public codec.

A router with this user's token as a peer's incoming token must run, and something behind it must
answer for the destination (`ilprouter demo --keep`, or your own test receiver). Then:

    ./dev load --headless -u 20 -r 20 -t 30s --host http://127.0.0.1:7770 \\
        --ilp-token replace-this-incoming-token --ilp-destination g.bob.receiver

The receiver is expected to take the preimage from the first 32 bytes of the data, as the
generator of `ilprouter bench` does. With --ilp-expect reject a Reject is the success: for load on
unroutable or refused packets. Locust itself reaches a few thousand requests a second per core, so
this finds errors and long latencies under many clients; `ilprouter bench` measures the limit.
"""

import hashlib
import os
import time
from typing import Any

from locust import events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import FastHttpUser

from ilprouter.core.packet import Fulfill, Prepare, Reject, parse
from ilprouter.errors import ProtocolError


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Options of this file, shown by --help and in Locust's web form."""
    add = parser.add_argument
    add("--ilp-token", env_var="ILP_TOKEN", default="", is_secret=True, help="bearer token")
    add("--ilp-path", env_var="ILP_PATH", default="/ilp", help="path to post to (/ilp)")
    add("--ilp-destination", env_var="ILP_DESTINATION", default="g.bob.receiver", help="address")
    add("--ilp-amount", env_var="ILP_AMOUNT", type=int, default=1000, help="units of the link")
    add("--ilp-timeout", env_var="ILP_TIMEOUT", type=int, default=10, help="seconds to expiry")
    add("--ilp-rate", env_var="ILP_RATE", type=float, default=50.0, help="Prepares/s per user")
    add(
        "--ilp-expect",
        env_var="ILP_EXPECT",
        choices=["fulfill", "reject", "any"],
        default="fulfill",
        help="which answer counts as success",
    )


class Peer(FastHttpUser):
    """A peer with one connection that sends one Prepare after the other."""

    def wait_time(self) -> float:
        """Seconds to the next Prepare, so that --ilp-rate holds however long an answer takes."""
        self.next_at += 1 / self.options.ilp_rate
        return max(0.0, self.next_at - time.monotonic())

    def on_start(self) -> None:
        self.options: Any = self.environment.parsed_options
        self.next_at = time.monotonic()
        self.headers = {
            "Authorization": f"Bearer {self.options.ilp_token}",
            "Content-Type": "application/octet-stream",
            "Accept": "application/octet-stream",
        }

    @task
    def prepare(self) -> None:
        """Post one Prepare with a fresh condition and judge the answer."""
        preimage = os.urandom(32)
        packet = Prepare(
            amount=self.options.ilp_amount,
            expires_at=time.time_ns() // 1_000_000 + self.options.ilp_timeout * 1000,
            execution_condition=hashlib.sha256(preimage).digest(),
            destination=self.options.ilp_destination,
            data=preimage,
        )
        with self.client.post(
            self.options.ilp_path,
            data=packet.to_bytes(),
            headers=self.headers,
            name=f"Prepare {self.options.ilp_destination}",
            catch_response=True,
        ) as response:
            problem = self.problem(response.status_code, response.content or b"", preimage)
            if problem:
                response.failure(problem)
            else:
                response.success()

    def problem(self, status: int, body: bytes, preimage: bytes) -> str | None:
        """What is wrong with an answer, in words that group well in Locust's report, or None."""
        if status != 200:
            return f"HTTP {status}" if status else "no answer"
        try:
            answer = parse(body)
        except ProtocolError as error:
            return f"not an ILP packet: {error}"
        match answer:
            case Fulfill() if answer.fulfillment != preimage:
                return "Fulfill with a wrong preimage"
            case Fulfill() if self.options.ilp_expect == "reject":
                return "Fulfill where a Reject was expected"
            case Reject() if self.options.ilp_expect == "fulfill":
                return f"Reject {answer.code} from {answer.triggered_by}: {answer.message}"
            case Prepare():
                return "a Prepare as the answer"
        return None
