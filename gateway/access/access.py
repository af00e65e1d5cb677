"""Access: lets requests in by their keys, and ends those whose keys are revoked."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path

from gateway.access.account import Accounts
from gateway.access.admission import ADMISSION, Admission
from gateway.access.api_key import AmbiguousKeysError, digest, key_in
from gateway.access.clock import Clock
from gateway.access.contents import Contents, Stamp, read_contents, stamp_of
from gateway.access.directory import Directory, Entry, Holder
from gateway.access.failures import Failures
from gateway.access.key_file import KeyFileError
from gateway.access.ledger import Ledger
from gateway.access.refusals import Refused, no_access, no_key_set, too_many_failures
from gateway.access.shared_accounts import SharedAccounts
from gateway.access.shared_table import SharedTable
from gateway.access.tokens import Tokens, is_token
from gateway.clients.connections import network
from gateway.config.access import Access as Settings
from gateway.protocol.asgi import Scope
from gateway.protocol.errors import ApiError

log = logging.getLogger("lengthwise")

LOOK_S = 0.5
"""Seconds between two looks whether the file of keys has changed."""

_EVERYBODY: AbstractContextManager[None] = nullcontext()
_network = lru_cache(4096)(network)


class Access:
    """The gate. Without keys in its settings it is open, and looks at nothing.

    Raises:
        KeyFileError: the file of keys cannot be used.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.ledger = Ledger()
        self._unused = ""
        """Why the file of keys, as it is now, is not used; "" where it is."""
        self._running: set[Admission] = set()
        self._accounts: Accounts = Accounts(self.ledger)
        self._failures = Failures(settings.failures_per_min)
        self._on = False
        self._contents = self._before = read_contents(Settings())
        """The keys as they are, and as they were before the last change, which may be undone."""
        self._prepared: Contents | None = None
        self._looked_at: Stamp = None
        """The file of keys as it was last looked at, whether or not it could be used."""
        self._tokens: Tokens | None = None
        self.apply(settings)

    @property
    def on(self) -> bool:
        """Whether a request needs a key."""
        return self._on

    @property
    def problem(self) -> str:
        """Why the file of keys is not used as it is now, or not all of it; "" where it is."""
        return self._unused or self._directory.problem

    def share(self, table: SharedTable) -> None:
        """Keep the accounts together with other processes, before any request."""
        self._accounts = SharedAccounts(self.ledger, table, self.clock)

    async def prepare(self, settings: Settings) -> None:
        """Read the file of keys for ``apply`` in a thread: ten thousand keys take a second.

        Raises:
            KeyFileError: the file cannot be used.
        """
        self._prepared = await asyncio.to_thread(read_contents, settings, self._contents)

    def apply(self, settings: Settings) -> None:
        """Go by other settings from now on; the file of keys is read anew if it has changed.

        Raises:
            KeyFileError: the file cannot be used, and nothing has changed.
        """
        ready, self._prepared = (self._prepared, self._before), None
        fitting = (one for one in ready if one is not None and one.settings is settings)
        contents = next(fitting, None) or read_contents(settings, self._contents)
        tokens = self._tokens
        if settings.jwt != self._settings.jwt:
            tokens = Tokens(settings.jwt, self.clock) if settings.jwt.jwks is not None else None
        if settings.keys_file == self._settings.keys_file:
            self._check_not_emptied(contents)
        self._use(contents, tokens)
        self._looked_at = contents.stamp
        self._failures.most_per_min = settings.failures_per_min

    @property
    def _settings(self) -> Settings:
        return self._contents.settings

    @property
    def _directory(self) -> Directory:
        return self._contents.directory

    def _use(self, contents: Contents, tokens: Tokens | None) -> None:
        self._before, self._contents = self._contents, contents
        self._tokens, self._unused = tokens, ""
        problem = contents.directory.problem
        if problem and problem != self._before.directory.problem:
            log.warning("%s", problem)
        self._on = contents.settings.needs_keys
        if tokens is not None:
            tokens.forget()
        if self._on:
            self._end_revoked()

    def _check_not_emptied(self, contents: Contents) -> None:
        if self._contents.holders and not contents.holders:
            raise KeyFileError(
                f"{self._settings.keys_file} (access.keys_file) holds no key any more. To take all "
                "back: lengthwise keys revoke NAME."
            )

    def _end_revoked(self) -> None:
        """End the requests whose keys are revoked or gone. One that has expired ends by itself."""
        for admission in list(self._running):
            if not admission.key and self._tokens is not None:
                continue
            entry = self._directory.entry(admission.key)
            if entry is None or entry.revoked:
                admission.end()

    def admit(self, scope: Scope) -> AbstractContextManager[object]:
        """A context for the length of a request, whose scope gets its ``Admission``.

        Raises:
            ApiError: the request has no valid key or is one too many of its holder, or its key is
                revoked while it runs.
        """
        if not self._on:
            return _EVERYBODY
        key, entry = self._entry(scope)
        holder, shared = entry.holder, None
        account = self._accounts.of(holder.name)
        if holder.together is not None:
            members = self._directory.members
            shared = self._accounts.together(holder, members, self.clock.wall())
        scope[ADMISSION] = admission = Admission(
            holder, key, account, self.clock, self._running, shared
        )
        return admission

    def holder(self, scope: Scope) -> Holder | None:
        """Who asks for one of the gateway's own pages; None where everybody may.

        Raises:
            ApiError: the request has no valid key.
        """
        return self._entry(scope)[1].holder if self._on else None

    def knows(self, scope: Scope) -> bool:
        """Whether a request may see what concerns the deployment."""
        try:
            self.holder(scope)
        except ApiError:
            return False
        return True

    def _entry(self, scope: Scope) -> tuple[str, Entry]:
        """The digest of a request's key, and its valid line of the directory."""
        try:
            key = key_in(scope["headers"])
        except AmbiguousKeysError as error:
            raise no_access(Refused.INVALID, str(error)) from None
        if not key:
            raise no_access(Refused.MISSING)
        address, found = _network((scope.get("client") or ("",))[0]), digest(key)
        now = self.clock.steady()
        if seconds := self._failures.wait_s(address, found, now):
            raise too_many_failures(self._failures.most_per_min, seconds)
        entry = self._token(key)
        by_token = entry is not None
        entry = entry or self._directory.entry(found) or Refused.INVALID
        fault = entry if isinstance(entry, Refused) else entry.fault(self.clock.wall())
        if fault is Refused.INVALID:
            self._failures.failed(address, now)
        if fault or isinstance(entry, Refused):
            raise no_access(fault or Refused.INVALID)
        self._failures.succeeded(address, found)
        return "" if by_token else found, entry

    def _token(self, key: str) -> Entry | Refused | None:
        """Whose a token is, or why it opens nothing; None for a key."""
        if self._tokens is None or not is_token(key):
            return None
        if not self._tokens.ready:
            raise no_key_set()
        return self._tokens.entry(key, self._directory)

    async def watch(self) -> None:
        """Read the file of keys when it has changed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._settings.keys_file is not None:
                await self._look(self._settings, self._settings.keys_file)

    async def watch_tokens(self) -> None:
        """Read the set of keys for tokens when it is due, until cancelled. Its service may hang."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._tokens is not None:
                await self._tokens.look()

    async def _look(self, settings: Settings, path: Path) -> None:
        stamp = await asyncio.to_thread(stamp_of, path)
        if stamp == self._looked_at:
            return
        try:
            contents = await asyncio.to_thread(read_contents, settings)
            self._check_not_emptied(contents)
            if settings is self._settings:  # else ``apply`` has read a file in between
                self._use(contents, self._tokens)
                log.info("%s: read anew, %d keys", path, len(self._directory))
        except KeyFileError as error:
            self._unused = str(error)
            log.warning("%s The keys of before stay valid.", error)
        if settings is self._settings:
            self._looked_at = stamp
