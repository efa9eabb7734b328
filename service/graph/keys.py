"""The keys of those who may change the graph, or read it where reads need a key: `keys.json` under MARSAD_HOME.

A key is `id.secret`. Only the SHA-256 of the secret is kept: it has 256 random bits, so there is nothing to guess and a
slow hash would add nothing. The file is read again whenever it has changed, so that a key made or revoked on the
command line counts at once in a service that runs.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from service.errors import BadRequest, ConfigurationError, Forbidden, NotFound, StorageFailed
from service.graph.changes import AUTHOR_NAME, Author

Scope = Literal["read", "write", "admin"]
# Each scope holds those before it.
SCOPES: tuple[Scope, ...] = get_args(Scope)

_FILE = "keys.json"
# 32 bytes: 256 bits, beyond any guessing.
_SECRET_BYTES = 32
# 4 bytes: names a key among those of one service; says nothing of the secret.
_ID_BYTES = 4
_NO_SECRET = hashlib.sha256(b"").hexdigest()
_SHA_256 = re.compile(r"[0-9a-f]{64}")
_WRITABLE_BY_OTHERS = 0o022
_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. Times are UTC (ISO 8601); `expires` and `revoked` are empty where they do not apply."""

    id: str
    name: str
    scope: Scope
    sha256: str = field(repr=False)
    created: str
    expires: str = ""
    revoked: str = ""

    def may(self, needed: Scope) -> bool:
        """Whether the scope of the key holds the needed one."""
        return SCOPES.index(self.scope) >= SCOPES.index(needed)

    def state(self, now: datetime) -> Literal["valid", "revoked", "expired"]:
        """Whether the key is good at a moment; at the moment `expires` it is not any more."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and now >= datetime.fromisoformat(self.expires) else "valid"


def _now() -> datetime:
    return datetime.now(UTC)


class Keys:
    """The keys below one home. Any number of processes may use the same file."""

    def __init__(self, home: Path, *, now: Callable[[], datetime] = _now) -> None:
        self.path = home / _FILE
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """Every key, in the order in which they were made.

        Raises ConfigurationError: the file is not what `marsad key` writes, or others may write to it.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, ()
            return ()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._seen:
            if found.st_mode & _WRITABLE_BY_OTHERS:
                raise ConfigurationError(
                    f"others may write to {self.path}: chmod 600 it, and look at `marsad key list`"
                )
            self._keys, self._seen = _read(self.path), stamp
        return self._keys

    def check(self, credentials: str | None, *, needs: Scope) -> Author:
        """Whoever brings these credentials, `Bearer id.secret`.

        Raises Forbidden: there are none, the key is unknown, wrong, revoked or expired, or its scope is too small
        (`known` then). The message never holds a part of what was brought, and tells why a key is refused only to who
        has its secret.
        """
        if not self._any_for(needs):
            raise Forbidden(
                f"no key with the scope {needs} is set up, so this is refused to everybody; whoever runs this service "
                f"makes one with `marsad key new NAME --scope {needs}`",
                needs=needs,
            )
        scheme, _, token = (credentials or "").strip().partition(" ")
        if scheme.lower() != _SCHEME or not token.strip():
            message = f"this needs a key with the scope {needs}, in the header `Authorization: Bearer id.secret`"
            raise Forbidden(message, needs=needs)
        key = self._find(token.strip())
        if key is None:
            message = "the key is not known here; a key is `id.secret`, as `marsad key new` printed it"
            raise Forbidden(message, needs=needs)
        self._check(key, needs)
        return Author(key.name)

    def _any_for(self, needed: Scope) -> bool:
        return any(key.may(needed) and key.state(self._now()) == "valid" for key in self.all())

    def _check(self, key: Key, needed: Scope) -> None:
        named, state = f"the key {key.id} ({key.name})", key.state(self._now())
        if state == "revoked":
            raise Forbidden(f"{named} was revoked on {key.revoked[:10]}", needs=needed)
        if state == "expired":
            raise Forbidden(f"{named} expired on {key.expires[:10]}", needs=needed)
        if not key.may(needed):
            raise Forbidden(f"{named} has the scope {key.scope}; this needs {needed}", needs=needed, known=True)

    def new(self, name: str, scope: Scope, *, expires: datetime | None = None) -> str:
        """Make a key; returns `id.secret`, which is kept nowhere. It is good until the moment `expires`.

        Raises BadRequest: the name has other characters than letters, digits, `.`, `_` and `-`, or the moment is past.
        Raises StorageFailed: the file cannot be written.
        """
        now = self._now()
        if not AUTHOR_NAME.fullmatch(name):
            raise BadRequest(f"{name!r}: a key's name has letters, digits, `.`, `_` and `-`, 64 at most")
        if expires is not None and expires <= now:
            raise BadRequest(f"{_stamp(expires)} is past: the key could never be used")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        with self._changing() as keys:
            identifier = _new_id({key.id for key in keys})
            ends = _stamp(expires) if expires is not None else ""
            keys.append(Key(identifier, name, scope, _sha256(secret), _stamp(now), ends))
        return f"{identifier}.{secret}"

    def revoke(self, which: str) -> list[Key]:
        """Let the key of that id, or all keys of that name, be refused from now on; those that were are left out.

        Raises NotFound: there is none. Raises StorageFailed: the file cannot be written.
        """
        with self._changing() as keys:
            named = [place for place, key in enumerate(keys) if which in (key.id, key.name)]
            if not named:
                raise NotFound(f"there is no key {which!r}; `marsad key list` shows them")
            places = [place for place in named if not keys[place].revoked]
            for place in places:
                keys[place] = replace(keys[place], revoked=_stamp(self._now()))
            return [keys[place] for place in places]

    def _find(self, token: str) -> Key | None:
        """The key of a token. Takes the same time whether the id exists or not, however much of the secret is right."""
        identifier, _, secret = token.partition(".")
        named = next((key for key in self.all() if key.id == identifier), None)
        right = hmac.compare_digest(_sha256(secret), named.sha256 if named else _NO_SECRET)
        return named if right else None

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        """The keys, to be altered in place; written when the block ends, unless it raises. One process at a time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StorageFailed(f"{self.path.parent} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = list(self.all())
            yield keys
            _write(self.path, keys)
            os.fsync(lock)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}") from error
        finally:
            os.close(lock)


def _new_id(taken: set[str]) -> str:
    while (found := secrets.token_hex(_ID_BYTES)) in taken:
        pass
    return found


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(path: Path) -> tuple[Key, ...]:
    try:
        return tuple(_key(item) for item in json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path} is not what `marsad key` writes: {error}") from error


def _key(item: dict[str, Any]) -> Key:
    key = Key(**item)
    if key.scope not in SCOPES or not _SHA_256.fullmatch(key.sha256):
        raise ValueError(f"the key {key.id} has an unknown scope or no SHA-256")
    if key.expires and datetime.fromisoformat(key.expires).tzinfo is None:
        raise ValueError(f"the time at which the key {key.id} expires has no zone")
    return key


def _write(path: Path, keys: list[Key]) -> None:
    """Replace the file as a whole: whoever reads it sees the old keys or the new ones."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump([asdict(key) for key in keys], file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
