"""WHAT A GATEWAY READS: the catalog's models in the words of others.

>>> from ghost_pipeline.exports import export_models
>>> export_models([], "openai")
b'{\\n  "object": "list",\\n  "data": []\\n}\\n'

In here: models in, bytes out, one small file a format, and writing them to a file whole. Not in here: which models.
"""

from ghost_pipeline.exports.formats import FORMATS, export_models, write_export

__all__ = ["FORMATS", "export_models", "write_export"]
