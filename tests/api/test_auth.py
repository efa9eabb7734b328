"""Who may: keys by header only, 401 and 403 as they should be, and no secret anywhere it could be read."""

import logging

import httpx
import pytest
from fastapi import FastAPI, Request

from service.api.auth import authorise, with_read_keys
from service.api.http import respond, respond_problem
from service.api.problems import install_handlers, problem_of
from service.errors import MarsadError
from service.graph.keys import Keys


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def plain(keys):
    async def app(scope, receive, send):
        try:
            author = authorise(scope, keys, "write")
        except MarsadError as error:
            await respond_problem(send, problem_of(error))
        else:
            await respond(send, 200, [], author.name.encode())

    return app


def framework(keys):
    api = FastAPI()
    install_handlers(api)

    @api.put("/{path:path}")
    async def put(request: Request):
        return {"agent": authorise(request.scope, keys, "write").name}

    return api


def client(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://marsad.test")


@pytest.fixture(params=[plain, framework], ids=["plain", "framework"])
def app(request, keys):
    return request.param(keys)


async def put(app, token=None, *, scheme="Bearer", url="/x"):
    headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
    async with client(app) as http:
        return await http.put(url, headers=headers)


async def test_without_any_key_nothing_is_written_and_the_answer_says_how_to_make_one(app):
    answer = await put(app)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["needs"] == "write"
    assert "marsad key new NAME --scope write" in answer.json()["detail"]


async def test_a_key_lets_in_under_its_name(app, keys):
    token = keys.new("ann", "write")
    answer = await put(app, token)
    assert answer.status_code == 200
    assert "ann" in answer.text
    assert (await put(app, token, scheme="bearer")).status_code == 200


async def test_no_key_a_wrong_one_and_another_scheme_are_401(app, keys):
    token = keys.new("ann", "write")
    for answer in (
        await put(app),
        await put(app, f"{token[:8]}.wrong"),
        await put(app, token[:-1]),
        await put(app, token, scheme="Basic"),
        await put(app, ""),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_in_the_url_is_not_read(app, keys):
    token = keys.new("ann", "admin")
    answer = await put(app, url=f"/x?access_token={token}&key={token}&Authorization=Bearer%20{token}")
    assert answer.status_code == 401


async def test_two_headers_are_no_key(keys):
    token = keys.new("ann", "admin")
    async with client(plain(keys)) as http:
        headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
        assert (await http.put("/x", headers=headers)).status_code == 401


async def test_a_scope_that_is_too_small_is_403(app, keys):
    token = keys.new("ann", "read")
    keys.new("ben", "write")
    answer = await put(app, token)
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
    assert (answer.json()["type"], answer.json()["needs"]) == ("https://marsad.example/problems/scope", "write")


async def test_a_revoked_key_is_401_at_the_next_request(app, keys):
    token = keys.new("ann", "write")
    keys.new("ben", "write")
    assert (await put(app, token)).status_code == 200
    Keys(keys.path.parent).revoke("ann")
    answer = await put(app, token)
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


async def test_no_log_and_no_answer_holds_a_secret(app, keys, caplog):
    caplog.set_level(logging.DEBUG)
    keys.new("ben", "write")
    token = keys.new("ann", "read")
    secret = token.partition(".")[2]
    answers = [await put(app, token), await put(app, token + "x"), await put(app, token, scheme="Token")]
    keys.revoke("ann")
    answers.append(await put(app, token))
    keys.path.write_text("damaged")
    answers.append(await put(app, token))
    assert [answer.status_code for answer in answers] == [403, 401, 401, 401, 500]
    assert not any(secret in answer.text for answer in answers)
    assert secret not in caplog.text


async def test_where_reads_need_a_key_only_health_and_preflights_go_without(keys):
    token = keys.new("ann", "read")

    async def hello(scope, receive, send):
        await respond(send, 200, [], b"hello")

    async with client(with_read_keys(hello, keys)) as http:
        assert (await http.get("/sparql?query=ASK{}")).status_code == 401
        assert (await http.head("/en")).content == b""
        assert (await http.post("/sparql", content=b"x" * 1000)).status_code == 401
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.options("/sparql")).status_code == 200
        answer = await http.get("/en", headers={"Authorization": f"Bearer {token}"})
        assert answer.text == "hello"
