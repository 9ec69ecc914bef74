"""Sightings of a model merge to the same result in any order."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from ghost_pipeline.client.pending import Sighting, merge, observe

CALLS = st.lists(
    st.tuples(
        st.integers(0, 1_000_000),
        st.one_of(st.none(), st.sampled_from("abc")),
        st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9), max_size=3),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda call: call[0],
)


@given(calls=CALLS, data=st.data())
def test_the_outer_instants_and_of_each_value_the_newest_remain(
    calls: list[tuple[int, str | None, dict[str, int]]], data: st.DataObject
) -> None:
    notes: list[Sighting] = [Sighting(at, at, observe(name, metadata, at)) for at, name, metadata in calls]
    first_at, last_at, kept = reduce(merge, data.draw(st.permutations(notes)))

    in_time = sorted(calls, key=lambda call: call[0])
    metadata: dict[str, int] = {}
    for _, _, values in in_time:
        metadata |= values
    names = [name for _, name, _ in in_time if name is not None]
    assert (first_at, last_at) == (in_time[0][0], in_time[-1][0])
    assert (kept.metadata if kept else None) == (metadata or None)
    assert (kept.name if kept else None) == (names[-1] if names else None)
