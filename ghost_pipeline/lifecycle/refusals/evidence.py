"""What clients report of refused requests, validated: labels of accounts, refusals, answers by another model."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, is_usable_text, provider_slug
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.refusals.classification import Classification, classify_refusal
from ghost_pipeline.lifecycle.refusals.substitution import answers_for, is_response_alias
from ghost_pipeline.lifecycle.refusals.unwrapping import MAX_EXAMINED
from ghost_pipeline.lifecycle.validation import clamp_instant
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.redaction import contains_secret, printable

MAX_ACCOUNT_LENGTH = 64

MAX_CODE_LENGTH = 200

MAX_WORDS_LENGTH = 200

BUCKET = timedelta(hours=1)
"""Refusals of a model by one rule that are kept together."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refusals of one model that one rule recognised, one or many, between two instants."""

    provider_id: str
    """The provider's slug."""
    model_id: str
    """Canonical."""
    refusal_class: RefusalClass
    rule_id: str
    first_at: datetime
    last_at: datetime
    count: int = 1
    account: str = ""
    """The label of the account that was refused; empty if none was given."""
    words: str = ""
    """Our own words for what the provider stated; nothing of its text."""
    replaced_by: str = ""
    """The provider's id of the successor; empty if none was named."""


@dataclass(frozen=True, slots=True)
class Substitution:
    """Requests for one model that were answered under another id, with success: of another model, or an alias."""

    provider_id: str
    model_id: str
    """The model that was requested."""
    answered_by: str
    """The id that the response names."""
    first_at: datetime
    last_at: datetime
    count: int = 1


def validate_account(account: str | None) -> str:
    """Return the label of an account; empty for none. Raises UsageError for one that can't be stored.

    Text that looks like a key is replaced by a short digest of it, which still tells two accounts apart.
    """
    if account is None or account == "":
        return ""
    if not isinstance(account, str):
        raise UsageError(f"the label of an account must be a string, not {type(account).__name__}")
    label = account.strip()
    if contains_secret(label):
        return f"key-{sha256(label.encode(errors='replace')).hexdigest()[:8]}"
    if len(label) > MAX_ACCOUNT_LENGTH or not is_usable_text(label) or printable(label) != label:
        raise UsageError(
            f"the label of an account {printable(label[:40])!r} can't be stored",
            f"use at most {MAX_ACCOUNT_LENGTH} characters, no control characters",
        )
    return label


def classify(
    provider_id: str, model_id: str, status: object, code: object, message: object
) -> tuple[str, str, Classification]:
    """Return the slug, the canonical model id and the class of an error answer, in whatever types it was given.

    Raises InvalidProvider, InvalidModelId.
    """
    slug = provider_slug(provider_id)
    canonical = canonical_model_id(slug, model_id)
    found = classify_refusal(
        slug,
        canonical,
        status=read_status(status),
        code=_read_text(code, MAX_CODE_LENGTH),
        message=_read_text(message, MAX_EXAMINED),
    )
    return slug, canonical, found


_STATUS = re.compile(r"\s*([1-9][0-9]{2})\s*")


def read_status(status: object) -> int | None:
    """Return an HTTP status that may be a number or text; None for anything else."""
    if isinstance(status, bool) or not isinstance(status, int | str):
        return None
    if isinstance(status, int):
        return status if 100 <= status <= 999 else None
    found = _STATUS.fullmatch(status[:20])
    return None if found is None or not found[1].isascii() else int(found[1])


def _read_text(text: object, limit: int) -> str | None:
    if isinstance(text, bytes | bytearray):
        return bytes(text[: limit * 4]).decode(errors="replace")[:limit]
    if isinstance(text, str):
        return str.__str__(text)[:limit]
    return str(text) if isinstance(text, int) and not isinstance(text, bool) else None


def describe(found: Classification) -> str:
    """Return our own words for what a provider stated, with the day of the withdrawal if it named one."""
    words = found.words or ""
    day = f" on {found.retired_on.isoformat()}" if found.retired_on is not None else ""
    return f"{words}{day}"[:MAX_WORDS_LENGTH]


def refusal_of(
    provider_id: str, model_id: str, found: Classification, at: datetime, now: datetime, account: str | None
) -> Refusal:
    """Return the refusal of a model, of canonical names, whose answer is evidence; its aware instant is clamped.

    Raises UsageError for an account that can't be stored.
    """
    clamped = clamp_instant(at, now)
    return Refusal(
        provider_id,
        model_id,
        found.refusal_class,
        found.rule_id or "",
        clamped,
        clamped,
        account=validate_account(account),
        words=describe(found),
        replaced_by=found.replaced_by if found.replaced_by and is_usable_text(found.replaced_by) else "",
    )


def begin_of_bucket(at: datetime) -> datetime:
    """Return the beginning of the hour in which an instant in UTC is."""
    return at.replace(minute=0, second=0, microsecond=0)


def minutes_of(*instants: datetime) -> int:
    """Return instants of one hour as bits: bit n is set for one in minute n."""
    bits = 0
    for at in instants:
        bits |= 1 << at.minute
    return bits


def split_by_hour(one: Refusal) -> list[Refusal]:
    """Return refusals of one hour each. Of those between the first and the last, no instants are known."""
    if begin_of_bucket(one.first_at) == begin_of_bucket(one.last_at):
        return [one]
    return [
        replace(one, last_at=one.first_at, count=1),
        replace(one, first_at=one.last_at, count=max(1, one.count - 1)),
    ]


def find_substitution(inference: Inference, requested_model_id: str | None) -> Substitution | None:
    """Return that a response names another id than the requested one; None if that states nothing.

    Raises InvalidModelId for a requested id that no model can have.
    """
    if requested_model_id is None:
        return None
    requested = canonical_model_id(inference.provider_id, requested_model_id)
    if answers_for(requested, inference.model_id) and not is_response_alias(requested, inference.model_id):
        return None
    return Substitution(inference.provider_id, requested, inference.model_id, inference.first_at, inference.last_at)
