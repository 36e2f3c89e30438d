"""What operators order: one at a time, checked as a whole, then applied, then told.

Owns the order of check, file and swap, and who may come second. Knows no HTTP (admin) and no step
of the swap itself (reload).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilprouter import clock, logs, reload
from ilprouter.admin.orders import Applied, How, RatesOrder, RouteOrder
from ilprouter.admin.problems import ProblemError, refused
from ilprouter.admin.views import AccountView, DoubtView, LogLevelName, PeerView, Status
from ilprouter.config import Config
from ilprouter.config.documents import (
    OWN_FILE,
    Document,
    broken_rules,
    compose,
    edit,
    entry,
    owner,
    read_documents,
    replace_section,
)
from ilprouter.config.own_file import OwnFile
from ilprouter.errors import ConfigError, EndpointError, UnknownAccountError
from ilprouter.reload import Plan
from ilprouter.view import View

if TYPE_CHECKING:
    from ilprouter.router import Router

__all__ = ["Orders"]

log = logging.getLogger(__name__)

Documents = tuple[Document, ...]
Edit = Callable[[Documents], Documents]


class Orders(View):
    """RouterOrders of one router."""

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self.lock = asyncio.Lock()
        main = router.path if router.path is not None else router.documents[0].file
        self.own = main.parent / "conf.d" / OWN_FILE
        router.watchers.append(self.take_up)

    # --- the configuration --------------------------------------------------------------------

    async def add_peer(self, definition: dict[str, Any], how: How) -> Applied:
        """A new peer. ProblemError 409 when another one has its name."""
        name = str(definition.get("name"))
        found = cleaned(definition)

        def add(documents: Documents) -> Documents:
            known = entry(documents, "peer", name)
            if known is not None and known != found:
                raise ProblemError(409, f"there is a peer named {name} already, with other terms")
            return edit(documents, self.own, "peer", name, found, log.warning)

        return await self.change(add, how)

    async def put_peer(self, name: str, definition: dict[str, Any], how: How) -> Applied:
        """A peer as a whole. ProblemError 400 when the definition names another one."""
        found = {"name": name, **cleaned(definition)}
        if found["name"] != name:
            raise ProblemError(400, f"the definition names another peer than the path, {name}")
        return await self.change(
            lambda documents: edit(documents, self.own, "peer", name, found, log.warning),
            how,
            ("peer", name),
        )

    async def patch_peer(self, name: str, patch: dict[str, Any], how: How) -> Applied:
        """Some keys of a peer. ProblemError 404 when there is none, 400 for another name."""
        if patch.get("name", name) != name:
            raise ProblemError(400, "a peer keeps its name: remove it and add another")

        def merge(documents: Documents) -> Documents:
            live = entry(self.router.documents, "peer", name)
            known = entry(documents, "peer", name) or live
            if live is None or known is None:
                raise ProblemError(404, f"there is no peer named {name}")
            return edit(documents, self.own, "peer", name, merged(known, patch), log.warning)

        return await self.change(merge, how, ("peer", name))

    async def remove_peer(self, name: str, how: How) -> Applied:
        """Take a peer out. ProblemError 404 when there is none."""
        if self.router.config.peer_named(name) is None:
            raise ProblemError(404, f"there is no peer named {name}")
        return await self.change(
            lambda documents: edit(documents, self.own, "peer", name, None, log.warning),
            how,
            ("peer", name),
        )

    async def put_route(self, order: RouteOrder, how: How) -> Applied:
        """A static route."""
        value = {"prefix": order.prefix, "peer": order.peer}
        return await self.change(
            lambda documents: edit(documents, self.own, "route", order.prefix, value, log.warning),
            how,
            ("route", order.prefix),
        )

    async def remove_route(self, prefix: str, how: How) -> Applied:
        """Take a static route out. ProblemError 404 when there is none, 409 when it is implied."""
        if all(route.prefix != prefix for route in self.router.config.routes):
            found = next((route for route in self.router.routes if route.prefix == prefix), None)
            if found is None:
                raise ProblemError(404, f"there is no route for {prefix or 'the default'}")
            raise ProblemError(
                409, f"that route follows from peer {found.peer}, {found.origin}; change the peer"
            )
        return await self.change(
            lambda documents: edit(documents, self.own, "route", prefix, None, log.warning),
            how,
            ("route", prefix),
        )

    async def put_rates(self, order: RatesOrder, how: How) -> Applied:
        """Replace every price."""
        values = [{"code": rate.code, "price": rate.price} for rate in order.rates]

        def replace(documents: Documents) -> Documents:
            return replace_section(documents, self.own, "rate", values, log.warning)

        return await self.change(replace, how, ("rate", ""))

    async def reload(self, how: How) -> Applied:
        """Read the files again. ProblemError 422 with the first problem found."""
        path = self.router.path
        if path is None:
            raise ProblemError(409, "this router was not started from a file")
        async with self.lock:
            self.check_match(how)
            try:
                documents = await asyncio.to_thread(read_documents, path, log.warning)
                applied = self.carry_out(await self.plan(documents), how)
            except (ConfigError, ProblemError) as error:
                if not how.dry_run:
                    self.router.config_ok = False
                    log.error("the reload was refused", extra={"error": str(error)})
                raise refused(error) if isinstance(error, ConfigError) else error from None
            if not how.dry_run:
                self.router.config_ok = True
                self.router.last_reload_ms = clock.now_ms()
                log.info(
                    "reloaded",
                    extra={
                        "changes": len(applied.changes),
                        "restart": ",".join(applied.restart) or "none",
                    },
                )
            return applied

    async def change(self, edited: Edit, how: How, known: tuple[str, str] | None = None) -> Applied:
        """One edit of the configuration in force and, when asked, of the file that orders write.

        known    (section, key) of what is edited: where the files define it decides who may write
        """
        async with self.lock:
            self.check_match(how)
            file = OwnFile(self.own)
            try:
                plan = await self.plan(await asyncio.to_thread(edited, self.router.documents))
                if how.persist:
                    raw = await asyncio.to_thread(self.persisted, edited, known)
                    if not how.dry_run:
                        await asyncio.to_thread(file.write, raw)
                return self.carry_out(plan, how)
            except BaseException as error:
                await asyncio.to_thread(file.undo)
                if isinstance(error, ConfigError):
                    raise refused(error) from None
                raise

    async def plan(self, documents: Documents) -> Plan:
        """A checked plan. Raises ConfigError or ProblemError."""
        try:
            return await asyncio.to_thread(reload.plan, self.router, documents)
        except EndpointError as error:
            raise ProblemError(422, str(error)) from None

    def carry_out(self, plan: Plan, how: How) -> Applied:
        """Apply a plan, unless nothing is to be done or it is a dry run."""
        if not how.dry_run:
            if plan.config == self.router.config:
                self.router.documents = plan.documents  # the same, said in another way
            else:
                reload.apply(self.router, plan)
        return Applied(
            dry_run=how.dry_run,
            persisted=how.persist and not how.dry_run,
            changes=plan.changes,
            restart=plan.restart,
        )

    def persisted(self, edited: Edit, known: tuple[str, str] | None) -> Mapping[str, Any]:
        """What the file that orders write shall hold, so that a restart comes to the same.

        raises   ProblemError 409 when people's files define it, or when what is on disk would not
                 be accepted with it
        """
        if self.router.path is None:
            raise ProblemError(409, "this router was not started from a file: nothing can be kept")
        try:
            before = read_documents(self.router.path, log.debug)
            place = self.people_s(before, known)
            if place is not None:
                raise ProblemError(
                    409, f"{place} defines it: change it there and reload, or do not persist it"
                )
            after = edited(before)
            for breach in broken_rules(*compose(after)):
                raise breach
        except ConfigError as error:
            raise ProblemError(
                409, f"with this the files would not be accepted at the next start: {error}", error
            ) from None
        return next((part.raw for part in after if part.file == self.own), {})

    def people_s(self, documents: Documents, known: tuple[str, str] | None) -> Path | None:
        """The file of people's that defines what an order is about; None when we may write it."""
        if known is None:
            return None
        section, key = known
        if section == "rate":
            files = [part.file for part in documents if part.raw.get("rate")]
            return next((file for file in files if file != self.own), None)
        file = owner(documents, section, key)
        return None if file == self.own else file

    def check_match(self, how: How) -> None:
        """ProblemError 412 when the configuration is not the one the order was made for."""
        if how.if_match not in (None, "*", self.etag()):
            raise ProblemError(412, "the configuration has changed since: read it again")

    def take_up(self, before: Config, after: Config) -> None:
        """What of a new configuration concerns the admin API and the log."""
        if before.admin != after.admin:
            self.router.admin.configure(after.admin)
        if before.log != after.log:
            logs.setup(after.log)

    # --- switches -----------------------------------------------------------------------------

    async def freeze(self, name: str, frozen: bool, how: How) -> AccountView:
        """Stop new packets of an account at once; told when that is durable."""
        router = self.router
        async with self.lock:
            self.check_match(how)
            found = self.account_named(name)
            if router.ledger is None or how.dry_run or found.frozen == frozen:
                return found
            router.ledger.freeze(name, frozen)
            log.warning("account frozen" if frozen else "account unfrozen", extra={"account": name})
            await self.durable()
            return self.account_named(name)

    def account_named(self, name: str) -> AccountView:
        """The books of one account. ProblemError 404."""
        peer = self.router.config.peer_named(name)
        try:
            return self.account(name, peer.balance.model if peer is not None else "none")
        except UnknownAccountError:
            raise ProblemError(404, f"there is no account named {name}") from None

    async def durable(self) -> None:
        """Wait until what was entered so far is on disk. Raises StoreError when it never will."""
        if self.router.committer is not None:
            await self.router.committer.durable()

    async def drain_peer(self, name: str, draining: bool, how: How) -> PeerView:
        """Lame duck: packets in flight finish, new ones are refused in both directions."""
        router = self.router
        async with self.lock:
            self.check_match(how)
            peer = router.config.peer_named(name)
            if peer is None:
                raise ProblemError(404, f"there is no peer named {name}")
            if not how.dry_run and (name in router.drained) != draining:
                (router.drained.add if draining else router.drained.discard)(name)
                router.set_pipelines(name)
                log.warning("peer drained" if draining else "peer undrained", extra={"peer": name})
            return self.peer(peer)

    async def drain(self, draining: bool, how: How) -> Status:
        """New packets get T03 until `draining` is False again."""
        async with self.lock:
            self.check_match(how)
            if self.router.state not in ("ready", "draining") or self.router.stopping:
                state = "stopping" if self.router.stopping else self.router.state
                raise ProblemError(409, f"the router is {state}")
            if not how.dry_run:
                (self.router.refuse_new if draining else self.router.resume)()
                log.warning("draining" if draining else "taking packets again")
            return self.status()

    async def resolve_doubt(self, name: str, note: str, how: How) -> DoubtView:
        """Close a doubt. ProblemError 404, or 409 when it was closed with another note."""
        ledger = self.router.ledger
        async with self.lock:
            self.check_match(how)
            found = next((doubt for doubt in self.doubts(True) if doubt.id == name), None)
            if ledger is None or found is None:
                raise ProblemError(404, f"there is no doubt {name}")
            if found.note not in (None, note):
                raise ProblemError(409, f"it was resolved already: {found.note}")
            if not how.dry_run and found.note is None:
                ledger.resolve_doubt(name, note)
                await self.durable()
            return next(doubt for doubt in self.doubts(True) if doubt.id == name)

    async def set_log_level(self, level: LogLevelName, how: How) -> LogLevelName:
        """From the next line on."""
        async with self.lock:
            self.check_match(how)
            if not how.dry_run:
                logging.getLogger().setLevel(level.upper())
                log.warning("log level set", extra={"to": level})
            return self.log_level()


def cleaned(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition without nulls: what is null is not there."""
    return {
        key: cleaned(value) if isinstance(value, Mapping) else value
        for key, value in definition.items()
        if value is not None
    }


def merged(known: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396)."""
    found = dict(known)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            before = found.get(key)
            found[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            found[key] = value
    return found
