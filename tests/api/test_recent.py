"""What is remembered of requests: those that came again outlast any number of others."""

from service.api.recent import Recent


def test_of_things_seen_once_the_oldest_goes():
    recent = Recent(4)
    for number in range(6):
        recent.put(number, str(number))
    assert list(recent) == [2, 3, 4, 5]
    assert recent.get(1) is None


def test_what_came_again_stays_while_others_come_once():
    recent = Recent(4)
    recent.put("often", "x")
    assert recent.get("often") == "x"
    for number in range(100):
        recent.put(number, str(number))
    assert recent.get("often") == "x"
    assert list(recent) == [97, 98, 99, "often"]


def test_what_came_again_longest_ago_is_again_like_one_seen_once():
    recent = Recent(4)
    for number in range(4):
        recent.put(number, str(number))
        recent.get(number)
    assert list(recent) == [0, 1, 2, 3]
    recent.put(4, "4")
    assert list(recent) == [4, 1, 2, 3]


def test_a_value_that_is_put_again_replaces_the_first():
    recent = Recent(4)
    for value in ("a", "b"):
        recent.put("key", value)
    assert recent.get("key") == "b"
    recent.put("key", "c")
    assert recent.get("key") == "c"
    assert list(recent) == ["key"]
