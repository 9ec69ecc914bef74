"""One module per provider whose listing has a format of its own."""
