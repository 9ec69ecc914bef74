"""One module per provider, and one for those in OpenAI's shape: wire format, endpoint, LiteLLM route, API hosts.

Every module here declares ``PROVIDERS``, which ``ghost_pipeline.providers`` collects.
"""
