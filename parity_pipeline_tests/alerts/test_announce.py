"""From the ledger to the channels: once per change, nothing lost, and no channel in the way of another."""

import resource
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from parity_pipeline.alerts.announce import AT_ONCE, AlertContext, Round, announce
from parity_pipeline.alerts.options import AlertOptions, Channel, ChannelKind
from parity_pipeline.alerts.state import only_one, read_state
from parity_pipeline.core.alerts import NewsKind, Subject
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.slugs import report_name
from parity_pipeline.report.links import Links
from parity_pipeline.storage import ledger
from parity_pipeline_tests.alerts.receivers import Webhook, webhook
from parity_pipeline_tests.report.verdicts import mixed

SECRET = "tok-55-never-stored"  # noqa: S105 - a planted one


TWO_CHANNELS = AlertOptions(
    channels=(
        Channel(name="one", kind=ChannelKind.WEBHOOK, url_env="ONE"),
        Channel(name="two", kind=ChannelKind.WEBHOOK, url_env="TWO"),
    )
)


@dataclass
class World:
    """A ledger, two channels, and a clock that is set.

    Attributes:
        folder: Where everything lies.
        hook: Where both channels lead to.
        options: Of the settings.
        now: The time.
        expected: The latest date that should have a verdict, by subject.
    """

    folder: Path
    hook: Webhook
    options: AlertOptions = TWO_CHANNELS
    now: datetime = datetime(2026, 5, 1, 7, tzinfo=UTC)
    expected: dict[Subject, str] = field(default_factory=dict[Subject, str])

    def judge(self, day: int, decision: Decision, model: str = "m") -> None:
        """Append a verdict on a day of May 2026."""
        date = f"2026-05-{day:02d}"
        verdict = replace(mixed(), date=date, model=model, decision=decision)
        ledger.append(self.folder / "ledger.jsonl", verdict, recorded_at=f"{date}T06:30:00+00:00", run_id=f"r{day}")

    def look(self, **changes: object) -> Round:
        """Announce what is new, as another process would: with nothing but the files in common."""
        environ = {"ONE": self.hook.url("/one"), "TWO": self.hook.url(f"/two/{SECRET}")}
        return announce(
            replace(
                AlertContext(
                    options=self.options,
                    ledger=self.folder / "ledger.jsonl",
                    reports_dir=self.folder,
                    state=self.folder / "state" / "alerts.json",
                    expected=lambda _now: self.expected,
                    links=Links(reports="https://git.test/r", dagster="https://dagster.test/"),
                    environ=environ,
                    now=lambda: self.now,
                ),
                **changes,
            )
        )

    def kinds(self, channel: str) -> list[str]:
        """Return the kinds of what a channel got."""
        return [one.body["kind"] for one in self.hook.got if one.path.startswith(f"/{channel}")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world whose webhooks work."""
    with webhook() as hook:
        yield World(tmp_path, hook)


def test_a_change_is_sent_once_to_each_channel(world: World) -> None:
    """A failure, the same failure again, a recovery: two messages each, however often one looks."""
    for day, decision in enumerate((Decision.PASS, Decision.FAIL, Decision.FAIL, Decision.PASS), 1):
        world.judge(day, decision)
        world.look()
        assert world.look() == Round()
    assert world.kinds("one") == world.kinds("two") == ["fail", "recovered"]


def test_a_message_leads_to_report_page_and_run(world: World) -> None:
    """Files that exist are linked below the address of the reports."""
    name = report_name("2026-05-01", "a/b")
    (world.folder / name).write_text("", "utf-8")
    world.judge(1, Decision.FAIL, "a/b")
    world.look()
    assert world.hook.got[0].body["items"][0]["links"] == {
        "report": "https://git.test/r/embed_parity_20260501_a%252Fb.md",
        "run": "https://dagster.test/runs/r1",
    }
    (world.folder / "html").mkdir()
    (world.folder / "html" / name.replace(".md", ".html")).write_text("", "utf-8")
    world.judge(2, Decision.PASS, "a/b")
    world.judge(3, Decision.FAIL, "c")
    world.look()
    assert "page" not in world.hook.got[-1].body["items"][0]["links"]


def test_several_models_of_one_look_are_one_message(world: World) -> None:
    """A gateway that breaks all models rings once."""
    for model in ("a", "b", "c"):
        world.judge(1, Decision.FAIL, model)
    world.look()
    assert len(world.hook.got) == 2
    assert [item["name"] for item in world.hook.got[0].body["items"]] == ["a", "b", "c"]


def test_a_channel_that_fails_is_tried_again_and_holds_up_nobody(world: World) -> None:
    """The other one has the message at once; this one gets it later, in order, with the id that it had, and once."""
    world.hook.status = {"/one": 503}
    world.judge(1, Decision.FAIL)
    first = world.look()
    assert (world.kinds("one"), world.kinds("two")) == ([], ["fail"])
    assert first.failed == ("one: 127.0.0.1 returns HTTP 503: ok",)
    assert first.waiting == 1
    world.judge(2, Decision.PASS)
    assert world.look().failed == ()
    assert world.kinds("two") == ["fail", "recovered"]
    world.hook.status = {}
    world.now += timedelta(seconds=59)
    world.look()
    assert world.kinds("one") == []
    world.now += timedelta(seconds=1)
    world.look()
    assert world.kinds("one") == ["fail", "recovered"]
    ids = {path: [one.body["id"] for one in world.hook.got if one.path.startswith(path)] for path in ("/one", "/two")}
    assert ids["/one"] == ids["/two"]
    assert world.look() == Round()
    assert read_state(world.folder / "state" / "alerts.json").channels == {}


def test_waits_grow_and_end(world: World) -> None:
    """Each failure in a row doubles the wait, up to an hour; what waits is never dropped."""
    world.hook.status = {"/one": 503}
    world.judge(1, Decision.FAIL)
    waits = list[float]()
    for _ in range(9):
        world.look()
        held = read_state(world.folder / "state" / "alerts.json").channels["one"]
        next_at = datetime.fromisoformat(held.next_at)
        waits.append((next_at - world.now).total_seconds() / 60)
        world.now = next_at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    world.hook.status = {}
    world.look()
    assert world.kinds("one") == ["fail"]


def test_a_channel_that_hangs_does_not_hold_up_the_other(world: World) -> None:
    """Channels are served at the same time: the other one has its message while this one waits."""
    channels = (
        Channel(name="hangs", kind=ChannelKind.WEBHOOK, url_env="HANGS"),
        Channel(name="two", kind=ChannelKind.WEBHOOK, url_env="TWO"),
    )
    world.judge(1, Decision.FAIL)

    environ = {"HANGS": world.hook.url("/hang"), "TWO": world.hook.url("/two")}
    _release_when(world, "two")
    found = world.look(options=AlertOptions(channels=channels), environ=environ)
    assert sorted(one.partition(":")[0] for one in found.sent) == ["hangs", "two"]


def _release_when(world: World, channel: str) -> None:
    """Let requests that hang end as soon as a channel has got something."""
    got = world.hook.got

    class Watched(list[object]):
        def append(self, item: object) -> None:
            super().append(item)
            if getattr(item, "path", "") == f"/{channel}":
                world.hook.release.set()

    world.hook.got = Watched(got)  # pyright: ignore[reportAttributeAccessIssue] - a list that watches


def test_a_message_that_is_refused_does_not_hold_up_the_next(world: World) -> None:
    """HTTP 400 is about the message: the one after it is sent in the same round."""
    world.options = replace(world.options, channels=world.options.channels[:1])
    world.judge(1, Decision.FAIL)
    world.hook.status = {"/one": 503}
    world.look()
    world.judge(2, Decision.PASS)
    world.now += timedelta(minutes=1)
    world.hook.status = {"/one": 400}
    found = world.look()
    assert len(found.failed) == 2
    assert found.waiting == 2


def test_how_long_a_channel_is_left_alone(world: World) -> None:
    """A refused message is tried each minute, and a server that names its own time is given that."""
    world.options = replace(world.options, channels=world.options.channels[:1])
    world.judge(1, Decision.FAIL)
    world.hook.status = {"/one": 400}
    for _ in range(3):
        world.look()
        held = read_state(world.folder / "state" / "alerts.json").channels["one"]
        assert datetime.fromisoformat(held.next_at) == world.now + timedelta(minutes=1)
        world.now += timedelta(minutes=1)
    world.hook.status, world.hook.headers = {"/one": 429}, {"retry-after": "7200"}
    world.look()
    held = read_state(world.folder / "state" / "alerts.json").channels["one"]
    assert datetime.fromisoformat(held.next_at) == world.now + timedelta(hours=2)


def test_a_round_sends_so_many_messages_that_a_tick_can_end(world: World) -> None:
    """After an outage of a channel the rest of what waited goes with the next rounds, in order and once."""
    world.options = replace(world.options, channels=world.options.channels[:1])
    world.hook.status = {"/one": 503}
    for day in range(1, AT_ONCE + 3):
        world.judge(day, Decision.FAIL if day % 2 else Decision.PASS)
        world.look()
    world.hook.status = {}
    world.now += timedelta(hours=1)
    first = world.look()
    assert (len(first.sent), first.waiting) == (AT_ONCE, 2)
    assert (len(world.look().sent), world.look()) == (2, Round())
    assert world.kinds("one") == ["fail", "recovered"] * (AT_ONCE // 2 + 1)


def test_two_processes_send_once(world: World) -> None:
    """While one is at it, another does nothing; after it, there is nothing left to send."""
    world.judge(1, Decision.FAIL)
    with only_one(world.folder / "state" / "alerts.json") as mine:
        assert mine
        assert world.look() == Round(busy=True)
    assert len(world.look().sent) == 2
    assert world.look() == Round()


def test_nothing_is_lost_where_the_process_dies_before_it_sends(world: World) -> None:
    """What is news is stored first: a process that is killed in the middle leaves it for the next one."""
    world.judge(1, Decision.FAIL)

    class Killed(BaseException):
        """The process is gone."""

    class Fatal(dict[str, str]):
        def get(self, *_: object) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise Killed

    with pytest.raises(Killed):
        world.look(environ=Fatal())
    assert world.hook.got == []
    assert len(world.look().sent) == 2


def test_a_disk_that_does_not_take_the_state_sends_nothing_each_minute(world: World) -> None:
    """What could not be stored as sent would be sent by every tick: nothing is sent until the disk takes it again."""
    world.options = replace(world.options, channels=world.options.channels[:1])
    world.hook.status = {"/one": 503}
    world.judge(1, Decision.FAIL)
    world.look()
    world.hook.status = {}
    world.now += timedelta(minutes=1)
    with small_files():
        for _ in range(3):
            with pytest.raises(ArtifactError, match="cannot write"):
                world.look()
    assert world.hook.got == []
    assert len(world.look().sent) == 1


@contextmanager
def small_files() -> Generator[None]:
    """Let no file of this process become longer than some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_lock_that_cannot_be_made_is_an_error_with_its_place(world: World) -> None:
    """A folder in its place is named, as one error and not as a traceback."""
    (world.folder / "state" / ".alerts.lock").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="cannot write") as caught:
        world.look()
    assert caught.value.place.endswith(".alerts.lock")
    assert caught.value.remedy


def test_a_channel_gets_only_what_it_wants(world: World) -> None:
    """News that no channel wants is known all the same and is not sent later."""
    one = replace(world.options.channels[0], only=(NewsKind.RECOVERED,))
    world.options = replace(world.options, channels=(one,))
    world.judge(1, Decision.FAIL)
    assert world.look() == Round()
    world.judge(2, Decision.PASS)
    world.look()
    assert world.kinds("one") == ["recovered"]


def test_what_a_removed_channel_was_to_get_is_dropped(world: World) -> None:
    """A channel that is no longer set is not waited for."""
    world.hook.status = {"/one": 503}
    world.judge(1, Decision.FAIL)
    world.look()
    world.options = replace(world.options, channels=world.options.channels[1:])
    assert world.look().waiting == 0
    assert read_state(world.folder / "state" / "alerts.json").channels == {}


def test_a_missing_verdict_is_announced_and_its_coming_too(world: World) -> None:
    """The clock alone is enough: no verdict has to come for it."""
    world.judge(1, Decision.PASS)
    subject = Subject(probe=mixed().endpoint, name="m")
    world.expected = {subject: "2026-05-01"}
    assert world.look() == Round()
    world.expected = {subject: "2026-05-02"}
    world.look()
    world.look()
    world.judge(2, Decision.PASS)
    world.look()
    assert world.kinds("one") == ["stale", "resumed"]


def test_the_state_holds_no_secret(world: World) -> None:
    """Neither the address of a channel nor what its server repeats of it is stored."""
    world.hook.status, world.hook.reply = {f"/two/{SECRET}": 500}, f"nothing at /two/{SECRET}"
    world.judge(1, Decision.FAIL)
    found = world.look()
    stored = "".join(path.read_text("utf-8") for path in (world.folder / "state").iterdir())
    assert "HTTP 500: nothing at /***" in found.failed[0]
    assert SECRET not in stored + found.words()
    assert str(world.hook.port) not in stored


def test_a_damaged_state_is_an_error_that_says_what_to_do(world: World) -> None:
    """It is not taken for an empty one, which would announce everything again."""
    world.judge(1, Decision.PASS)
    world.look()
    (world.folder / "state" / "alerts.json").write_text("{}", "utf-8")
    with pytest.raises(ArtifactError, match="Remove it"):
        world.look()


def test_a_round_says_in_one_sentence_what_it_did() -> None:
    """A tick shows what was sent, what was not, and what is left."""
    words: Mapping[str, Round] = {
        "Nothing new.": Round(),
        "Another process is sending alerts.": Round(busy=True),
        "sent a: t; not sent to b: HTTP 500; 1 to be tried again.": Round(
            sent=("a: t",), failed=("b: HTTP 500",), waiting=1
        ),
    }
    assert [one.words() for one in words.values()] == list(words)
