"""Write the catalog's models in the formats of gateways and tables.

>>> from ghost_pipeline.exports import export_models
>>> export_models([], "openai")
b'{\\n  "object": "list",\\n  "data": []\\n}\\n'

This package turns models into bytes, a page of models at a time, and replaces a file atomically. Which models is the
caller's choice.
"""

from ghost_pipeline.exports.formats import FORMATS, export_models, open_export, write_models

__all__ = ["FORMATS", "export_models", "open_export", "write_models"]
