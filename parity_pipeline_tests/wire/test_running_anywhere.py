"""Running a coroutine of the wire from code that may or may not have a loop of its own."""

import asyncio

import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.fetch_lane import run_anywhere


class Counting:
    """A result that counts how often its `repr` is computed."""

    reprs = 0

    def __repr__(self) -> str:
        """Count."""
        self.reprs += 1
        return "counting"


async def result() -> Counting:
    """Return the result."""
    return Counting()


def test_a_result_is_handed_over_without_its_repr() -> None:
    """The repr of megabytes of vectors takes longer than fetching them; asyncio computes that of a task."""
    assert run_anywhere(result).reprs == 0


def test_a_caller_with_a_loop_gets_the_result_too() -> None:
    """Inside a running loop, the coroutine runs in a thread of its own."""

    async def caller() -> Counting:
        return run_anywhere(result)

    assert isinstance(asyncio.run(caller()), Counting)


def test_the_one_error_of_a_task_group_comes_out_as_itself() -> None:
    """A failure inside a group of tasks reaches the caller as the product's own error."""

    async def failing() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(refuse())

    async def refuse() -> None:
        raise GatewayError("no such model")

    with pytest.raises(GatewayError, match="no such model"):
        run_anywhere(failing)
