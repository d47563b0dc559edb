"""The store's verbs are plain functions, the driver is asynchronous: a greenlet lets one wait for the other.

A verb runs in a greenlet of its own on the event loop; where it waits for the database, the loop goes on with others.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")


async def plainly(work: Callable[[], T]) -> T:
    """Run `work`, which may call `wait`."""
    inside = greenlet(work)
    said: Any = inside.switch()
    while not inside.dead:
        try:
            answer = await said
        except BaseException as error:
            said = inside.throw(error)
        else:
            said = inside.switch(answer)
    return cast(T, said)


def wait(what: Awaitable[T]) -> T:
    """What this is worth, for a plain function that runs in `plainly`."""
    outside = getcurrent().parent
    if outside is None:
        raise RuntimeError("only what runs in `plainly` may wait")
    return cast(T, outside.switch(what))
