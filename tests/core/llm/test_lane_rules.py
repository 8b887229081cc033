"""What events make of an account's state, and how its room is shared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.llm import lane_rules as rules
from core.llm.lane_rules import LaneState

NOW = 1_000_000.0
WANTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 60), min_size=1, max_size=20)


@given(wants=WANTS, room=st.floats(1, 200), turn=st.integers(0, 10**9))
def test_shares_fill_the_room_and_never_exceed_it(wants: dict[str, int], room: float, turn: int) -> None:
    shares = {name: rules.share_of(name, room, wants, turn) for name in wants}
    assert sum(shares.values()) == min(int(room), sum(wants.values()))
    assert all(0 <= shares[name] <= wants[name] for name in wants)


@given(wants=WANTS, room=st.floats(1, 200), turn=st.integers(0, 10**9))
def test_nobody_gets_less_than_another_unless_he_wants_less(wants: dict[str, int], room: float, turn: int) -> None:
    shares = {name: rules.share_of(name, room, wants, turn) for name in wants}
    most = max(shares.values())
    for name, share in shares.items():
        assert share == wants[name] or share >= most - 1


@given(names=st.integers(2, 12), room=st.integers(1, 11))
def test_with_fewer_places_than_workers_each_has_its_turn(names: int, room: int) -> None:
    wants = {f"w{n:02}": 5 for n in range(names)}
    had = {name for turn in range(names) for name in wants if rules.share_of(name, room, wants, turn)}
    assert had == set(wants)


def test_a_burst_of_refusals_is_one_event() -> None:
    state = LaneState(room=32)
    for _ in range(20):
        state = rules.narrowed(state, NOW, NOW - 1, None, 32)
    assert (state.room, state.refusals, state.blocked(NOW)) == (16, 1, 0)
    blocks = []
    for n in range(1, 10):
        now = NOW + 100 * n
        state = rules.narrowed(state, now, now - 1, None, 32)
        blocks.append(state.blocked(now))
    assert blocks == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert state.room == 1
    assert rules.answered(state, NOW + 2000).refusals == 0


def test_room_that_nobody_used_is_no_room_to_halve() -> None:
    assert rules.narrowed(LaneState(room=2048), NOW, NOW - 1, None, 10).room == 5
    assert rules.narrowed(LaneState(room=1), NOW, NOW - 1, None, 1).room == 1


def test_a_wait_that_is_asked_for_is_bounded_and_never_shortened() -> None:
    state = rules.narrowed(LaneState(), NOW, NOW - 1, 86_400.0, 10)
    assert state.blocked(NOW) == rules.LONGEST_BLOCK
    shorter = rules.narrowed(state, NOW, NOW - 1, 2.0, 10)
    assert shorter.blocked(NOW) == rules.LONGEST_BLOCK
    # A clock that was set back an hour does not block for an hour.
    assert state.blocked(NOW - 3600) == rules.LONGEST_BLOCK
    assert state.blocked(NOW + rules.LONGEST_BLOCK) == 0


def test_the_circuit_opens_after_failures_in_a_row_only() -> None:
    state = LaneState()
    for _ in range(rules.FAILURES_TO_OPEN - 1):
        state = rules.failed(state, NOW, probe=False)
    state = rules.answered(state, NOW)
    for _ in range(rules.FAILURES_TO_OPEN - 1):
        state = rules.failed(state, NOW, probe=False)
        assert not state.is_open
    state = rules.failed(state, NOW, probe=False)
    assert state.is_open
    assert state.blocked(NOW) == rules.FIRST_OPEN
    assert rules.failed(state, NOW, probe=False) == state


def test_one_probe_at_a_time_and_longer_pauses_between_them() -> None:
    state = LaneState()
    for _ in range(rules.FAILURES_TO_OPEN):
        state = rules.failed(state, NOW, probe=False)
    assert rules.claimed(state, NOW, "a") == state
    now, pauses = NOW, []
    for _ in range(8):
        now += state.blocked(now)
        claimed = rules.claimed(state, now, "a")
        assert claimed.prober == "a"
        assert rules.claimed(claimed, now + 1, "b").prober == "a"
        state = rules.failed(claimed, now + 1, probe=True)
        now += 1
        pauses.append(state.blocked(now))
    assert pauses[:4] == [10, 20, 40, 80]
    assert pauses[-1] == rules.LONGEST_OPEN


def test_a_probe_whose_worker_died_does_not_keep_the_circuit_open_for_ever() -> None:
    state = LaneState(openings=1, open_until=NOW)
    claimed = rules.claimed(state, NOW, "dead")
    assert rules.claimed(claimed, NOW + rules.PROBE_SECONDS - 1, "b").prober == "dead"
    assert rules.claimed(claimed, NOW + rules.PROBE_SECONDS, "b").prober == "b"
    assert rules.released(claimed, "dead").may_probe(NOW)
    assert rules.released(claimed, "b") == claimed


def test_what_was_known_long_ago_is_forgotten() -> None:
    state = LaneState(room=1, openings=3, open_until=NOW + 100, changed_at=NOW)
    assert rules.fresh(state, NOW + 10) == state
    assert rules.fresh(state, NOW + rules.FORGOTTEN_AFTER).room == rules.FIRST_ROOM
    assert not rules.fresh(state, NOW + rules.FORGOTTEN_AFTER).is_open
