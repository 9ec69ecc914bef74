"""Notifications: the job that sends them, and the sensor that requests it when a message is due.

The sensor only reads and writes the catalog: a slow destination must not hold up other sensors.
"""

import dagster as dg

from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.defs.provider_health import health_events, log_health
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.notifications.delivery import Outcome, Result, deliver_all, find_due
from ghost_pipeline.notifications.destinations import read_destinations


@dg.op(description="Sends what is due to every destination. What fails is kept, and sent again after a back-off.")
def deliver_notifications(context: dg.OpExecutionContext, ghost: GhostCatalog) -> None:
    with translate_errors(), ghost.opened() as catalog:
        outcomes = deliver_all(catalog, read_destinations(catalog.settings), utc_now)
        health = health_events(catalog)
    for outcome in outcomes:
        _log(context, outcome)
    log_health(context, health)


def _log(context: dg.OpExecutionContext, outcome: Outcome) -> None:
    line = f"{outcome.name}: {outcome.result.value}"
    if outcome.sent:
        line += f", {outcome.sent} {'message' if outcome.sent == 1 else 'messages'}"
    if outcome.result is Result.FAILED:
        context.log.warning(f"{line}; {outcome.error}")
    else:
        context.log.info(line)


@dg.job(description="Sends notifications (notifications.toml). A destination that can't be reached delays no other.")
def send_notifications() -> None:
    deliver_notifications()


@dg.sensor(
    job_name=send_notifications.name,  # with the job itself Dagster warns of a parameter that it sets
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests send_notifications when a message is due to a destination of notifications.toml.",
)
def notifications_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.RunRequest | dg.SkipReason:
    with ghost.opened() as catalog:
        destinations = read_destinations(catalog.settings)
        if not destinations:
            return dg.SkipReason("notifications.toml has no destinations.")
        if _is_running(context.instance):
            return dg.SkipReason("send_notifications is running.")
        due = find_due(catalog, destinations, utc_now())
    return dg.RunRequest() if due else dg.SkipReason("No message is due.")


_UNFINISHED = [
    *(dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED),
    *(dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED),
]


def _is_running(instance: dg.DagsterInstance) -> bool:
    return bool(
        instance.get_run_records(dg.RunsFilter(job_name=send_notifications.name, statuses=_UNFINISHED), limit=1)
    )
