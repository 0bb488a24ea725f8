"""`bridge orders` as its users run it, on a store of its own."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.checkpoints import AltinnCheckpoint, EmailSeen, Registration, WatchedOrder
from bridge.cli import main
from bridge.ports import OrderStore
from bridge.store import open_store
from tests.support.altinn_stores import A, B, C, D, completed, email, everything, given_up, polled, sending, watch
from tests.support.clock import FakeClock

ON = {"BRIDGE_ALTINN__BASE_URL": "http://127.0.0.1:9", "BRIDGE_ALTINN__AUTH__METHOD": "none"}


class Bench:
    """A store, and the command on it."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"

    async def run(self, *arguments: str, given: str | None = None, **settings: str) -> Result:
        """In a thread, with no setting but the store's."""
        environment = {"BRIDGE_STORE__URL": self.url, **settings}
        return await asyncio.to_thread(CliRunner().invoke, main, ["orders", *arguments], input=given, env=environment)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OrderStore]:
        async with open_store(self.url, clock=FakeClock(), is_owner=False) as stores:
            yield stores.altinn

    async def commit(self, *checkpoints: AltinnCheckpoint) -> None:
        async with self.opened() as store:
            for checkpoint in checkpoints:
                await store.commit(checkpoint)

    async def shown(self) -> list[WatchedOrder]:
        async with self.opened() as store:
            orders, _, _ = await everything(store)
            return orders


@pytest.fixture
def bench(migrated_store: Path, tmp_path: Path) -> Bench:
    return Bench(Path(shutil.copy(migrated_store, tmp_path)))


class TestAdd:
    async def test_orders_are_watched_from_then_on_each_once_whatever_its_letters(self, bench: Bench) -> None:
        result = await bench.run("add", B.upper(), A, B, **ON)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout == f"{B}  watched from now on\n{A}  watched from now on\n"
        assert [(order.order_id, order.state) for order in await bench.shown()] == [
            (A, "registered"),
            (B, "registered"),
        ]

    async def test_reference_and_send_time_are_kept_with_them(self, bench: Bench) -> None:
        result = await bench.run("add", A, "--senders-reference", "ref æ", "--send-time", "2096-04-14T08:00:00+02:00")
        assert result.exit_code == 0
        (order,) = await bench.shown()
        assert (order.senders_reference, order.requested_send_time, order.due_at) == (
            "ref æ",
            3985221600.0,
            3985221600.0,
        )

    async def test_adding_twice_says_so_and_changes_nothing(self, bench: Bench) -> None:
        await bench.commit(watch(A, B), polled(sending(A, email(1))))
        before = await bench.shown()
        result = await bench.run("add", A, B)
        assert result.exit_code == 0
        assert result.stdout == f"{A}  watched already (sending)\n{B}  watched already (registered)\n"
        assert await bench.shown() == before

    async def test_one_that_was_given_up_is_watched_again_and_a_final_end_is_told(self, bench: Bench) -> None:
        await bench.commit(watch(A, B), polled(given_up(A), completed(B)))
        result = await bench.run("add", A, B)
        assert result.exit_code == 0
        assert result.stdout == (
            f"{A}  watched again (given-up before)\n{B}  not watched: it has ended (completed), which is final\n"
        )
        assert [order.state for order in await bench.shown()] == ["registered", "completed"]

    async def test_ids_come_from_standard_input_and_from_a_file_too(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "orders.txt"
        file.write_text(f"# ours\n\n{C}  # the third\n")
        result = await bench.run("add", D, "-", "--file", str(file), given=f"{A}\r\n  {B.upper()}\n")
        assert result.exit_code == 0
        assert [order.order_id for order in await bench.shown()] == [A, B, C, D]

    async def test_of_many_only_the_numbers_are_told(self, bench: Bench) -> None:
        await bench.commit(watch(A))
        ids = [A, *(f"{number:08x}-0000-4000-8000-000000000000" for number in range(2000))]
        result = await bench.run("add", "-", given="\n".join(ids))
        assert result.exit_code == 0
        assert result.stdout == "2000 orders watched from now on\n1 order watched already (registered)\n"
        assert len(await bench.shown()) == 2001

    async def test_each_wrong_id_has_its_sentence_and_nothing_is_added(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "orders.txt"
        file.write_text("01019012345\n")
        result = await bench.run("add", A, "abc\x1b[31m", f"{{{B}}}", "-", "--file", str(file), given=f"{B}\nx@y.no\n")
        assert result.exit_code == 2
        such = "is no order id: give a UUID such as f1a1cc30-197f-4f34-8304-006ce4945fd1."
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            f"`abc�[31m` {such}",
            f"`{{{B}}}` {such}",
            f"standard input, line 2: `[redacted]` {such}",
            f"{file}, line 1: `[redacted]` {such}",
        ]
        assert await bench.shown() == []

    async def test_of_a_wrong_file_only_the_first_mistakes_are_told(self, bench: Bench) -> None:
        result = await bench.run("add", "-", given="x\n" * 1000)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 21
        assert result.stderr.endswith("\n980 more are no order ids either.\n")

    async def test_whoever_names_no_order_is_told_how(self, bench: Bench) -> None:
        for given in (["add"], ["add", "-"], ["remove"]):
            result = await bench.run(*given, given="# nothing\n")
            assert result.exit_code == 2
            assert result.stderr == "No order is named: give ids, `-` for standard input, or --file.\n"

    @pytest.mark.parametrize(
        ("option", "value", "told"),
        [
            ("--send-time", "tomorrow", "it is no ISO 8601 time, such as 2026-04-14T08:00:00+02:00."),
            ("--send-time", "2026-04-14T08:00:00", "it has no time zone: add one, such as +02:00, or Z for UTC."),
            ("--senders-reference", "x" * 4001, "it has more than 4000 characters."),
        ],
    )
    async def test_a_wrong_option_is_wrong_usage(self, bench: Bench, option: str, value: str, told: str) -> None:
        result = await bench.run("add", A, option, value)
        assert result.exit_code == 2
        assert f"Invalid value for '{option}': {told}" in result.stderr
        assert await bench.shown() == []

    async def test_it_says_where_nobody_will_poll_them(self, bench: Bench) -> None:
        assert (await bench.run("add", A)).stderr == (
            "By these settings the Altinn source is off: a bridge that runs with them polls no order.\n"
        )

    async def test_without_a_store_there_is_nothing_to_add_to(self, tmp_path: Path) -> None:
        path = tmp_path / "none.db"
        result = await Bench(path).run("add", A)
        assert result.exit_code == 2
        assert "there is no store at" in result.stderr
        assert not await asyncio.to_thread(path.exists)


class TestList:
    async def test_a_table_shows_each_order_and_its_emails_by_status(self, bench: Bench) -> None:
        odd = EmailSeen("e-9", "O\x1b", "t")
        await bench.commit(
            watch(A, B, Registration(order_id=C, senders_reference="ref\x1b" + "x" * 60), at=1776146400.0),
            polled(sending(A, email(1), email(2), odd, due_at=1776150000.0), completed(B)),
        )
        result = await bench.run("list")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines() == [
            f"ORDER{' ' * 33}STATE       DUE (UTC)            LAST CHANGE (UTC)    E-MAILS      REFERENCE",
            f"{A}  sending     2026-04-14 07:00:00  1970-01-01 00:02:00  2 New, 1 O�  -",
            f"{B}  completed   -                    1970-01-01 00:02:00  -            -",
            f"{C}  registered  2026-04-14 06:00:00  -                    -            ref�{'x' * 55}…",
        ]

    async def test_pages_follow_one_another(self, bench: Bench) -> None:
        await bench.commit(watch(A, B, C))
        first = await bench.run("list", "--limit", "2")
        assert [line[:36] for line in first.stdout.splitlines()[1:]] == [A, B]
        assert first.stderr == f"There are more: add --after {B}\n"
        second = await bench.run("list", "--limit", "2", "--after", B.upper())
        assert [line[:36] for line in second.stdout.splitlines()[1:]] == [C]
        assert second.stderr == ""

    async def test_states_are_asked_for(self, bench: Bench) -> None:
        await bench.commit(watch(A, B, C), polled(given_up(A), completed(B)))
        result = await bench.run("list", "--state", "given-up", "--state", "registered")
        assert [line[:36] for line in result.stdout.splitlines()[1:]] == [A, C]
        assert (await bench.run("list", "--state", "missing")).stdout == "No orders.\n"

    async def test_as_json_it_is_a_document_with_all_that_is_known(self, bench: Bench) -> None:
        registration = Registration(order_id=A, senders_reference="ref", requested_send_time=1776146400.0)
        await bench.commit(watch(registration, B, at=1776146400.5), polled(sending(A, email(1), due_at=1776150000.0)))
        result = await bench.run("list", "--json", "--limit", "1")
        assert (result.exit_code, result.stderr) == (0, "")
        assert json.loads(result.stdout) == {
            "orders": [
                {
                    "order_id": A,
                    "state": "sending",
                    "registered_at": "2026-04-14T06:00:00.500000Z",
                    "due_at": "2026-04-14T07:00:00Z",
                    "changed_at": "1970-01-01T00:02:00Z",
                    "closed_at": None,
                    "missing_since": None,
                    "requested_send_time": "2026-04-14T06:00:00Z",
                    "senders_reference": "ref",
                    "emails": {"New": 1},
                }
            ],
            "next_after": A,
        }
        assert json.loads((await bench.run("list", "--json", "--after", B)).stdout) == {
            "orders": [],
            "next_after": None,
        }

    @pytest.mark.parametrize("arguments", [["--after", "x"], ["--limit", "0"], ["--state", "open"]])
    async def test_a_wrong_option_is_wrong_usage(self, bench: Bench, arguments: list[str]) -> None:
        result = await bench.run("list", *arguments)
        assert result.exit_code == 2
        assert f"Invalid value for '{arguments[0]}'" in result.stderr


class TestRemove:
    async def test_it_says_how_many_were_there(self, bench: Bench) -> None:
        await bench.commit(watch(A, B, C), polled(sending(A, email(1))))
        result = await bench.run("remove", A, B.upper(), D)
        assert (result.exit_code, result.stdout) == (0, "2 of 3 orders removed; 1 not in the store.\n")
        assert [order.order_id for order in await bench.shown()] == [C]

    async def test_nothing_is_removed_where_an_id_is_wrong(self, bench: Bench) -> None:
        await bench.commit(watch(A))
        result = await bench.run("remove", "-", given=f"{A}\nx\n")
        assert (result.exit_code, result.stdout) == (2, "")
        assert [order.order_id for order in await bench.shown()] == [A]


async def test_a_running_bridge_sees_at_its_next_look_what_was_added(bench: Bench) -> None:
    async with bench.opened() as store:
        await store.commit(watch(A))
        assert (await bench.run("list")).exit_code == 0
        assert (await bench.run("add", B)).exit_code == 0
        assert await store.states([A, B]) == {A: "registered", B: "registered"}


@pytest.mark.parametrize("arguments", [["--help"], ["add", "--help"], ["list", "--help"], ["remove", "--help"]])
async def test_help_needs_no_settings(arguments: list[str]) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, main, ["orders", *arguments], env={"BRIDGE_RUBBISH": "1"})
    assert result.exit_code == 0
    assert "--debug" in result.output
