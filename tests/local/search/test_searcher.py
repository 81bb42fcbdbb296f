"""Searches in threads: at the same time, within a time, until they are no longer wanted."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest
from waiting import PATIENCE

from hca_local.search import queries
from hca_local.search.searcher import Searcher, TooLongError

if TYPE_CHECKING:
    from sqlite3 import Connection

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


def endless(connection: Connection) -> Any:
    return connection.execute(FOREVER).fetchone()


def test_pages_are_read_while_a_transaction_is_open(store: Any) -> None:
    store.add("one")
    searcher = Searcher(store.path)

    async def two() -> list[int]:
        return [(await searcher.page("aws", queries.parse({}), None, 10)).total for _ in range(2)]

    store.connection.execute("BEGIN IMMEDIATE")
    store.put("aws", "u.v", {"uuid": "u", "manifest": {"version": "v"}})
    assert asyncio.run(two()) == [1, 1]
    store.connection.execute("COMMIT")
    assert asyncio.run(two()) == [2, 2]
    searcher.close()


def test_a_search_that_takes_too_long_ends(store: Any) -> None:
    store.add("one")
    searcher = Searcher(store.path, seconds=0.05)
    with pytest.raises(TooLongError):
        asyncio.run(searcher.run(endless))
    assert asyncio.run(searcher.page("aws", queries.parse({}), None, 10)).total == 1, "the connection works on"
    searcher.close()


def test_several_searches_run_at_once_and_the_event_loop_goes_on(store: Any) -> None:
    searcher = Searcher(store.path)
    together = threading.Barrier(3)

    def meet(connection: Connection) -> int:
        return together.wait(timeout=PATIENCE)

    async def three() -> list[int]:
        return await asyncio.gather(*(searcher.run(meet) for _ in range(3)))

    assert sorted(asyncio.run(three())) == [0, 1, 2]
    searcher.close()


def test_the_end_of_the_server_breaks_searches_off(store: Any) -> None:
    searcher = Searcher(store.path, seconds=600)
    begun = threading.Event()

    def forever(connection: Connection) -> Any:
        begun.set()
        return endless(connection)

    async def begin_and_close() -> None:
        running = asyncio.create_task(searcher.run(forever))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        await asyncio.to_thread(searcher.close)
        with pytest.raises(TooLongError):
            await running

    asyncio.run(begin_and_close())


def test_a_search_can_not_write(store: Any) -> None:
    searcher = Searcher(store.path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        asyncio.run(searcher.run(lambda connection: connection.execute("DELETE FROM search_state")))
    searcher.close()
