"""``models``, ``show``, ``stats``, and completion."""
