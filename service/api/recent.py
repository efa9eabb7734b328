"""What was made of the things seen last, bounded in number."""

from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """What was made of the requests seen last, bounded in number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[object, Value] = OrderedDict()

    def get(self, key: object) -> Value | None:
        """What `put` kept under the key, or None."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: object, value: Value) -> None:
        """Keep a value; the one used longest ago goes."""
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
