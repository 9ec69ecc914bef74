"""What serves pages: the guard in front of every application, and the process that serves Dagster's UI behind it."""
