"""The processes that execute runs under ``ghost-pipeline ui``: who starts them, and how they find each other."""
