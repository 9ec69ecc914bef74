"""A job that lasts until it is interrupted, after it has written its process id to a file."""

import os
import time
from pathlib import Path

import dagster as dg


@dg.op
def last_long(context: dg.OpExecutionContext) -> None:
    Path(context.run.tags["pid_file"]).write_text(str(os.getpid()))
    time.sleep(60)


@dg.job(executor_def=dg.in_process_executor)
def long_job() -> None:
    last_long()


definitions = dg.Definitions(jobs=[long_job])
