"""What serves pages: the guard that stands in front of every application, Dagster's own included. No Dagster here."""
