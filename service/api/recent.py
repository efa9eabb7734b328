"""What was made of the things seen last, bounded in number."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """What was made of the requests seen last, bounded in number.

    A segmented LRU: what came again has three quarters of the room, and any number of things seen once leaves it there.
    """

    def __init__(self, size: int) -> None:
        self._size, self._room = size, size * 3 // 4
        self._once: OrderedDict[object, Value] = OrderedDict()
        self._again: OrderedDict[object, Value] = OrderedDict()

    def __iter__(self) -> Iterator[object]:
        yield from self._once
        yield from self._again

    def get(self, key: object) -> Value | None:
        """What `put` kept under the key, or None."""
        found = self._again.get(key)
        if found is not None:
            self._again.move_to_end(key)
            return found
        found = self._once.pop(key, None)
        if found is not None:
            self._again[key] = found
            if len(self._again) > self._room:
                oldest, value = self._again.popitem(last=False)
                self._once[oldest] = value
        return found

    def put(self, key: object, value: Value) -> None:
        """Keep a value; of those seen once the one seen longest ago goes."""
        if key in self._again:
            self._again[key] = value
            return
        self._once[key] = value
        if len(self._once) + len(self._again) > self._size:
            self._once.popitem(last=False)
