"""What a person's file says: models to add by hand, as CSV, YAML or JSON.

In here: syntax, and where in the file each model stands. What may be said of a model is for ``catalog`` to check.
"""

from ghost_pipeline.additions.files import read_additions

__all__ = ["read_additions"]
