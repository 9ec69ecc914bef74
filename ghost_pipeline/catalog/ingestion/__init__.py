"""A listing into the catalog: admission, the recorded attempts, reconciliation."""
