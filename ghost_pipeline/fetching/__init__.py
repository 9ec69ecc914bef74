"""From a provider's API to a file in the folder of listings.

How a provider is requested, and how its responses fail, belongs here. What a good response means belongs to
``listings``; what becomes of the file is the catalog's concern. The path of a request: ``configuration`` selects the
providers, ``http_client`` makes one request, ``retries`` repeats it, ``pages`` follows and merges the pages, ``folder``
writes the file, and ``fetch`` does this for many providers at once.

A key is read when it is needed and sent in a request header, nowhere else (see ``ghost_pipeline.redaction``).
"""
