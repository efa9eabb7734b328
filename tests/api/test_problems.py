"""Each error has a status and a stable type."""

import inspect

import pytest

from service import errors
from service.api import negotiation, problems
from service.api.problems import TABLE, problem_of
from service.errors import MarsadError

ALL = sorted(
    {
        kind
        for module in (errors, negotiation, problems)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, MarsadError) and kind is not MarsadError
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_its_own_row(kind):
    status, name, title = TABLE[kind]
    assert 400 <= status < 600
    assert name
    assert title[0].isupper()


def test_no_two_errors_share_a_type():
    names = [name for _, name, _ in TABLE.values()]
    assert len(names) == len(set(names))


def test_a_limit_says_its_value_and_the_setting():
    error = errors.DeadlineExceeded("too late", limit="seconds", value=30.0, setting="MARSAD_DEADLINE")
    problem = problem_of(error)
    assert problem.status == 504
    assert problem.members["setting"] == "MARSAD_DEADLINE"
    assert "MARSAD_DEADLINE" in problem.members["remedy"]


def test_what_is_not_ours_says_nothing_but_a_number(caplog):
    problem = problem_of(ValueError("the password is 1234"))
    assert problem.status == 500
    assert b"1234" not in problem.body
    assert problem.members["request"] in caplog.text
