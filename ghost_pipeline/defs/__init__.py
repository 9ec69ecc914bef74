"""When it happens: assets, checks, sensors, schedules and jobs. The glue to Dagster, and nothing else.

In here: what loads, calls and reports. Not in here: rules, SQL, wire formats; nothing here touches disk, network or
database until something runs.
"""
