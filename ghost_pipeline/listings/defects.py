"""How the steps of parsing say that a listing can't be read at all."""

FETCH_AGAIN = "fetch the listing again"


class Malformed(Exception):
    """The listing is malformed; the message says what is wrong, where, and what to do."""
