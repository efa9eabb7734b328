"""Names of running queries: whoever knows one may stop the query, so nobody else may come to know it."""

import os

from service.store.query_ids import new_query_id


def named_by_a_fork() -> str:
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(theirs, new_query_id().encode())
        os._exit(0)
    os.waitpid(process, 0)
    name = os.read(ours, 100).decode()
    for end in (ours, theirs):
        os.close(end)
    return name


def test_no_two_forks_give_the_same_name():
    drawn = new_query_id().partition("-")[2]  # so that there are drawn ones left to inherit
    names = {named_by_a_fork().partition("-")[2] for _ in range(3)}
    assert len(names | {drawn}) == 4
    assert {len(name) for name in names} == {24}
