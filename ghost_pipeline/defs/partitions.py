"""One partition a provider, so that each is red or green by itself and one bad listing stops nobody else."""

import dagster as dg

providers = dg.DynamicPartitionsDefinition(name="provider")
