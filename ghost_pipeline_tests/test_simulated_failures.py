"""Stories that the simulation found, shrunk to the steps that still failed."""

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from ghost_pipeline.catalog import sweeps
from ghost_pipeline.catalog.ingestion import future_instants
from simulation.plan import Step
from simulation.runner import Scenario, run


def _at(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


USED_BEFORE_A_CLOCK_WENT_BACK = [
    Step(_at("01-06 05:44"), "infer", fault="behind", seed=961169085),
    Step(_at("01-06 08:47"), "fetch", seed=2864448531),
    Step(_at("01-10 09:45"), "infer", seed=79895974),
    Step(_at("01-10 23:53"), "write_inbox", seed=2756264607),
    Step(_at("01-11 03:41"), "read_inbox", seed=1465000415, clock_error=timedelta(hours=-116.1)),
]


def test_a_clock_that_is_behind_lowers_no_last_use() -> None:
    scenario = Scenario(seed=1, days=40, providers=1)
    assert run(scenario, USED_BEFORE_A_CLOCK_WENT_BACK).failure is None
    with mock.patch.object(future_instants, "_may_be_behind", return_value=False):
        assert "an acknowledged use is kept" in str(run(scenario, USED_BEFORE_A_CLOCK_WENT_BACK).failure)


GHOST_BEFORE_A_CLOCK_WENT_BACK = [
    Step(_at("01-06 10:49"), "write_inbox", seed=1967670024),
    Step(_at("01-06 11:19"), "infer", seed=4010233639),
    Step(_at("01-08 13:43"), "sweep", seed=288716167),
    Step(_at("01-08 16:26"), "read_inbox", seed=3374851772),
    Step(_at("01-08 19:43"), "sweep", seed=3796569130),
    Step(_at("01-08 23:21"), "infer", seed=903863441),
    Step(_at("01-09 00:22"), "fetch", seed=1673698070),
    Step(_at("01-09 01:43"), "sweep", seed=334399286),
    Step(_at("01-09 07:43"), "sweep", seed=1169053235),
    Step(_at("01-09 09:14"), "purge", seed=178562650),
    Step(_at("01-09 12:56"), "fetch", seed=1372111450, clock_error=timedelta(hours=-924.9)),
    Step(_at("01-09 13:43"), "sweep", seed=385228251, clock_error=timedelta(hours=-20)),
    Step(_at("01-09 16:15"), "read_inbox", seed=2091434119),
    Step(_at("01-09 19:09"), "infer", seed=2334405357),
    Step(_at("01-10 09:14"), "purge", seed=1169356132),
]


def test_a_clock_that_went_back_before_all_evidence_purges_no_ghost_early() -> None:
    scenario = Scenario(seed=4, days=90, providers=1)
    assert run(scenario, GHOST_BEFORE_A_CLOCK_WENT_BACK).failure is None
    with mock.patch.object(sweeps, "may_have_been_seen", return_value=False):
        assert "a ghost is kept for 30 days" in str(run(scenario, GHOST_BEFORE_A_CLOCK_WENT_BACK).failure)


EXPECTED_TOO_MUCH = {
    "a hold begins with an admission whose answer was lost": (
        Scenario(seed=3010, days=365, providers=1),
        [
            Step(_at("09-21 00:13"), "fetch", fault="duplicated", seed=4101936612),
            Step(_at("09-21 11:48"), "fetch", fault="error_page", seed=458979911, crash="after_commit"),
            Step(_at("09-27 12:15"), "fetch", fault="partial", seed=472423878),
            Step(_at("09-28 13:36"), "infer", seed=3724208493),
            Step(_at("09-28 17:22"), "sweep", seed=1921219409),
        ],
    ),
    "a late listing protects nothing that it lists first": (
        Scenario(seed=3015, days=365, providers=7),
        [
            Step(_at("03-01 11:45"), "fetch", provider=6, seed=2688489978),
            Step(_at("03-01 22:34"), "write_inbox", provider=6, seed=3639940855),
            Step(_at("03-02 00:09"), "fetch", provider=6, fault="cut_off", seed=2476270460),
            Step(_at("03-02 21:58"), "read_inbox", seed=2952260993),
            Step(_at("03-02 23:35"), "fetch", provider=6, seed=1574648444, crash="before_commit"),
            Step(_at("03-03 08:17"), "sweep", seed=3460475620),
            Step(_at("03-03 11:43"), "fetch", provider=6, fault="late", seed=4221354803),
        ],
    ),
    "a clock that goes back dates a hold back": (
        Scenario(seed=3021, days=365, providers=3),
        [
            Step(_at("05-03 15:11"), "write_inbox", provider=2, fault="junk", seed=3194694404),
            Step(_at("05-03 16:03"), "fetch", provider=2, fault="reordered", seed=85050805),
            Step(_at("05-04 03:31"), "fetch", provider=2, fault="partial", seed=2588806458),
            Step(_at("05-04 06:12"), "read_inbox", seed=2999191410, clock_error=timedelta(hours=-907.5)),
            Step(_at("05-06 21:01"), "sweep", seed=2978365063),
        ],
    ),
    "a restored model keeps its source": (
        Scenario(seed=3032, days=365, providers=4),
        [
            Step(_at("01-14 17:03"), "add", provider=3, seed=4066091365),
            Step(_at("01-22 19:59"), "remove", provider=3, seed=4259143209),
            Step(_at("04-01 19:22"), "restore", provider=3, seed=1027618309),
            Step(_at("06-03 15:11"), "fetch", provider=3, seed=1579231260),
            Step(_at("06-09 03:47"), "sweep", seed=3217257601),
        ],
    ),
    "what a sweep with a wrong clock made a ghost stays one while listings are bad": (
        Scenario(seed=3089, days=365, providers=5),
        [
            Step(_at("06-25 01:12"), "fetch", provider=4, fault="duplicated", seed=628256082),
            Step(_at("06-25 10:41"), "sweep", seed=2235652693, clock_error=timedelta(hours=20)),
            Step(_at("06-25 12:58"), "fetch", provider=4, fault="error_page", seed=985665043),
            Step(_at("06-26 01:02"), "fetch", provider=4, fault="partial", seed=340839810),
            Step(_at("06-27 22:41"), "sweep", seed=2657152369),
        ],
    ),
}
"""Stories in which a check expected more than the rules promise."""


@pytest.mark.parametrize(("scenario", "steps"), EXPECTED_TOO_MUCH.values(), ids=EXPECTED_TOO_MUCH.keys())
def test_the_checks_expect_no_more_than_the_rules_promise(scenario: Scenario, steps: list[Step]) -> None:
    assert run(scenario, steps).failure is None


USED_BEFORE_A_LATE_LISTING = [
    Step(_at("07-06 05:46"), "infer", provider=2, fault="unset", seed=581672507, clock_error=timedelta(hours=78.8)),
    Step(_at("07-06 11:46"), "fetch", provider=2, fault="late", seed=3588807730),
]


def test_a_late_listing_dates_no_use_back_that_a_clock_ahead_has_recorded() -> None:
    scenario = Scenario(seed=3026, days=365, providers=3)
    assert run(scenario, USED_BEFORE_A_LATE_LISTING).failure is None
    with mock.patch.object(future_instants, "_UNTIL_NOW", ()):
        assert "an acknowledged use is kept" in str(run(scenario, USED_BEFORE_A_LATE_LISTING).failure)
