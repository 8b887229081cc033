from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.supervisor.frames import FrameReader, Nonsense, encode, number_in, split_fields
from sandbox.supervisor.inside import fields_of
from sandbox.supervisor.inside import frame as inside_frame

LIMIT = 4096
FIELDS = st.lists(st.binary(max_size=200), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[one:two] for one, two in itertools.pairwise(edges)]


@given(
    st.lists(st.tuples(st.sampled_from([b"H", b"D", b"E"]), st.integers(0, 2**32 - 1), FIELDS)),
    st.lists(st.integers(0)),
)
def test_frames_survive_any_cutting(sent: list[tuple[bytes, int, list[bytes]]], cuts: list[int]) -> None:
    data = b"".join(inside_frame(kind, number, tuple(fields)) for kind, number, fields in sent)
    reader = FrameReader(LIMIT)
    got = [found for piece in pieces(data, cuts) for found in reader.feed(piece)]
    assert [(kind, number, split_fields(payload)) for kind, number, payload in got] == sent


@given(FIELDS)
def test_the_supervisor_reads_what_the_harness_writes(fields: list[bytes]) -> None:
    data = encode(b"R", 7, fields)
    assert data[:1] == b"R"
    assert int.from_bytes(data[1:5], "big") == 7
    assert fields_of(data[9:]) == fields


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_garbage_is_frames_or_nonsense_and_never_kept_beyond_the_limit(chunks: list[bytes]) -> None:
    reader = FrameReader(LIMIT)
    kept = 0
    try:
        for chunk in chunks:
            for kind, _, payload in reader.feed(chunk):
                assert kind in (b"H", b"D", b"E")
                assert len(payload) <= LIMIT
                split_fields(payload)
            kept = len(reader._box)
            assert kept <= LIMIT + 9 + 300
    except Nonsense:
        kept = 0
    assert kept >= 0


@given(st.binary(max_size=500))
def test_fields_are_whole_or_nonsense(payload: bytes) -> None:
    try:
        fields = split_fields(payload)
    except Nonsense:
        return
    assert sum(4 + len(field) for field in fields) == len(payload)


def test_a_length_over_the_limit_is_refused_before_its_bytes_arrive() -> None:
    with pytest.raises(Nonsense):
        list(FrameReader(100).feed(b"D" + (1).to_bytes(4, "big") + (101).to_bytes(4, "big")))


def test_many_empty_fields_are_refused() -> None:
    with pytest.raises(Nonsense):
        split_fields(b"\0" * 4 * 200_000)


@pytest.mark.parametrize("text", [b"", b"-", b"1.5", b" 1", b"1_000", b"\xd9\xa1", b"9" * 30, b"0x1", b"nan"])
def test_what_is_no_number_is_refused(text: bytes) -> None:
    with pytest.raises(Nonsense):
        number_in(text)


@given(st.integers(-10, 300))
def test_numbers_are_bounded(value: int) -> None:
    try:
        assert number_in(b"%d" % value, low=-5, high=255) == value
        assert -5 <= value <= 255
    except Nonsense:
        assert not -5 <= value <= 255
