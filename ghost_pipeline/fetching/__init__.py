"""WHAT WE ASK: from a provider's API to a file in the folder of listings.

Here belongs what knows how a provider is asked and how its answers go wrong. What a good answer *says* belongs to
``listings``, and what becomes of the file is none of its business. The way of a request: ``registry`` and
``providers_file`` say whom to ask and how, ``transport`` asks once, ``retrying`` again, ``paging`` names the next page,
``pages`` puts the pages together, ``folder`` writes the file, ``fetch`` does all of that for many providers at once.

A key is read when it is needed and goes into a request header, nowhere else (see ``secret``).
"""
