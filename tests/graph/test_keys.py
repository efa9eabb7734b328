"""Keys: made once, kept as a hash, refused when wrong, expired, revoked or too small."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequest, ConfigurationError, Forbidden, NotFound, StorageFailed
from service.graph.keys import SCOPES, Keys

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(tmp_path / "home", now=clock)


def agent(keys: Keys, token: str, needed: str = "write") -> str:
    return keys.check(f"Bearer {token}", needs=needed).name


def refused(keys: Keys, token: str, needed: str = "write") -> Forbidden:
    with pytest.raises(Forbidden) as caught:
        keys.check(f"Bearer {token}", needs=needed)
    assert len(token) < 20 or token.rpartition(".")[2] not in str(caught.value)
    return caught.value


def test_a_new_key_is_known_by_its_token_and_nothing_else(keys):
    token = keys.new("ann", "write")
    (key,) = keys.all()
    identifier, _, secret = token.partition(".")
    assert agent(keys, token) == "ann"
    assert (key.id, key.name, key.scope, key.created) == (identifier, "ann", "write", "2026-03-01T12:00:00Z")
    for wrong in (identifier, f"{identifier}.", f"{identifier}.{secret[:-1]}", secret, f"x.{secret}", ".", "é.é"):
        error = refused(keys, wrong)
        assert not error.known
        assert "not known here" in str(error)


@pytest.mark.parametrize("credentials", [None, "", "Bearer", "Bearer ", "Basic {}", "{}", "Token {}"])
def test_other_credentials_are_told_the_form(keys, credentials):
    token = keys.new("ann", "write")
    with pytest.raises(Forbidden, match=r"Authorization: Bearer id\.secret") as caught:
        keys.check(credentials and credentials.format(token), needs="write")
    assert token.partition(".")[2] not in str(caught.value)


def test_the_secret_has_256_bits_and_only_its_hash_is_kept(keys):
    token = keys.new("ann", "admin")
    secret = token.partition(".")[2]
    assert len(secret) == 43  # 32 bytes in base64 without padding
    content = keys.path.read_text()
    assert secret not in content
    assert len(json.loads(content)[0]["sha256"]) == 64
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys.path.parent.iterdir()] == ["keys.json"]


def test_what_is_printed_of_a_key_does_not_hold_its_hash(keys):
    keys.new("ann", "read")
    (key,) = keys.all()
    assert key.sha256 not in repr(key)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("needed", SCOPES)
def test_a_scope_holds_those_before_it(keys, scope, needed):
    token = keys.new("ann", scope)
    keys.new("ben", "admin")
    if SCOPES.index(scope) >= SCOPES.index(needed):
        assert agent(keys, token, needed) == "ann"
    else:
        error = refused(keys, token, needed)
        assert (error.known, error.needs) == (True, needed)


def test_a_key_is_refused_from_the_moment_it_expires(keys, clock):
    keys.new("ben", "write")
    token = keys.new("ann", "write", expires=datetime(2026, 3, 2, tzinfo=UTC))
    clock.now = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    assert agent(keys, token) == "ann"
    clock.now = datetime(2026, 3, 2, tzinfo=UTC)
    assert "expired on 2026-03-02" in str(refused(keys, token))


def test_only_who_has_the_secret_learns_that_a_key_expired(keys, clock):
    keys.new("ben", "write")
    token = keys.new("ann", "write", expires=datetime(2026, 3, 2, tzinfo=UTC))
    clock.now += timedelta(days=30)
    assert "expired" not in str(refused(keys, f"{token[:8]}.{'x' * 43}"))


def test_a_revoked_key_is_refused_by_every_process_at_once(keys, clock):
    keys.new("ben", "write")
    token = keys.new("ann", "write")
    running = Keys(keys.path.parent, now=clock)
    assert agent(running, token) == "ann"
    (revoked,) = keys.revoke(token.partition(".")[0])
    assert "was revoked on 2026-03-01" in str(refused(running, token))
    clock.now += timedelta(days=1)
    assert keys.revoke(revoked.id) == []
    assert keys.all()[1] == revoked


def test_all_keys_of_a_name_are_revoked_together_and_an_unknown_one_is_named(keys):
    keys.new("ann", "write")
    keys.new("ben", "write")
    keys.new("ann", "read")
    assert [key.scope for key in keys.revoke("ann")] == ["write", "read"]
    assert [key.state(NOON) for key in keys.all()] == ["revoked", "valid", "revoked"]
    with pytest.raises(NotFound, match="eve"):
        keys.revoke("eve")


def test_without_a_key_that_is_good_for_it_the_answer_says_how_to_make_one(keys, clock):
    how = "marsad key new NAME --scope write"
    assert how in str(refused(keys, "id.secret"))
    keys.new("ann", "read")
    keys.new("ben", "write", expires=datetime(2026, 3, 2, tzinfo=UTC))
    assert how not in str(refused(keys, "id.secret"))
    clock.now += timedelta(days=1)
    assert how in str(refused(keys, "id.secret"))


@pytest.mark.parametrize("name", ["", "ann smith", "ann\n", "-x", "x" * 65, "<b>"])
def test_a_name_that_could_not_stand_in_a_log_is_refused(keys, name):
    with pytest.raises(BadRequest):
        keys.new(name, "write")
    assert keys.all() == ()


def test_a_key_that_could_never_be_used_is_not_made(keys):
    with pytest.raises(BadRequest, match="is past"):
        keys.new("ann", "write", expires=NOON)


def test_a_file_that_others_may_write_to_is_not_trusted(keys):
    token = keys.new("ann", "write")
    keys.path.chmod(0o620)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Keys(keys.path.parent).check(f"Bearer {token}", needs="write")


@pytest.mark.parametrize(
    "content", ["", '{"a": 1}', "7", '[{"id": "a"}]', '[{"id":"a","name":"a","scope":"all","sha256":"","created":""}]']
)  # fmt: skip
def test_a_damaged_file_lets_nobody_in(keys, content):
    token = keys.new("ann", "write")
    keys.path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        keys.check(f"Bearer {token}", needs="write")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed):
        Keys(tmp_path / "home").new("ann", "write")


def test_a_home_that_is_a_file_is_named(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageFailed, match="home"):
        Keys(tmp_path / "home").new("ann", "write")


@given(token=st.text(max_size=60))
def test_no_other_text_is_a_key(tmp_path_factory, token):
    keys = Keys(tmp_path_factory.getbasetemp() / "many", now=Clock())
    if not keys.all():
        keys.new("ann", "admin")
    with pytest.raises(Forbidden):
        keys.check(f"Bearer {token}", needs="read")
