"""Stories that the simulation found, shrunk to the steps that still failed."""

from datetime import UTC, datetime, timedelta
from unittest import mock

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


HOLD_OF_AN_ADMISSION_WITHOUT_AN_ANSWER = [
    Step(_at("09-21 00:13"), "fetch", fault="duplicated", seed=4101936612),
    Step(_at("09-21 11:48"), "fetch", fault="error_page", seed=458979911, crash="after_commit"),
    Step(_at("09-27 12:15"), "fetch", fault="partial", seed=472423878),
    Step(_at("09-28 13:36"), "infer", seed=3724208493),
    Step(_at("09-28 17:22"), "sweep", seed=1921219409),
]


def test_a_hold_protects_from_its_beginning_also_if_the_process_died_before_it_knew() -> None:
    # The check expected seven days from the second bad listing, the first that was answered.
    assert run(Scenario(seed=3010, days=365, providers=1), HOLD_OF_AN_ADMISSION_WITHOUT_AN_ANSWER).failure is None


USED_BEFORE_A_LATE_LISTING = [
    Step(_at("07-06 05:46"), "infer", provider=2, fault="unset", seed=581672507, clock_error=timedelta(hours=78.8)),
    Step(_at("07-06 11:46"), "fetch", provider=2, fault="late", seed=3588807730),
]


def test_a_late_listing_dates_no_use_back_that_a_clock_ahead_has_recorded() -> None:
    scenario = Scenario(seed=3026, days=365, providers=3)
    assert run(scenario, USED_BEFORE_A_LATE_LISTING).failure is None
    with mock.patch.object(future_instants, "_UNTIL_NOW", ()):
        assert "an acknowledged use is kept" in str(run(scenario, USED_BEFORE_A_LATE_LISTING).failure)
