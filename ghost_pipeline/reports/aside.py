"""How what was rejected is kept for people to look at: as JSON Lines, by where it came from."""

import re
from collections.abc import Iterable
from hashlib import sha256
from itertools import groupby

from ghost_pipeline.reports.sightings import Rejected

_UNUSUAL = re.compile(r"[^\w.-]")


def files_of_rejected(channel: str, rejected: Iterable[Rejected]) -> dict[str, str]:
    """Name of a file in the archive -> its lines: one for each file of the inbox, one for reports.

    The same again has the same name. Reports have numbers of their own, so there the first line names all of them, and
    a page that is read again, with more in it by now, is kept once. Lines of a file have not: two files may begin with
    the same bad line, one after the other under one name, so there every line counts.
    """
    files = {}
    for origin, group in groupby(rejected, key=_origin):
        ones = list(group)
        lines = [one.to_line() for one in ones]
        naming = lines[0] if "report" in ones[0].where else "".join(lines)
        digest = sha256(naming.encode()).hexdigest()
        files[f"{channel}/{origin}{_number(ones[0])}-{digest[:12]}.jsonl"] = "".join(lines)
    return files


def _origin(one: Rejected) -> str:
    if "report" in one.where:
        return "report"
    return _UNUSUAL.sub("_", str(one.where["file"]))[:100]


def _number(first: Rejected) -> str:
    return f"-{first.where['report']:09d}" if "report" in first.where else f"-line-{first.where['line']:09d}"
