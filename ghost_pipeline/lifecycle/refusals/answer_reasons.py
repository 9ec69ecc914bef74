"""What an error answer was recorded as, or why it was not, in words for people.

What belongs here: the reasons that the classification has without stating them, in the order in which it looks. None of
the provider's text is repeated.
"""

from ghost_pipeline.lifecycle.identity import LOCAL_PROVIDERS, provider_label
from ghost_pipeline.lifecycle.refusals.classification import EVIDENCE_STATUSES, UNRELATED_CODES, Classification
from ghost_pipeline.lifecycle.refusals.evidence import describe
from ghost_pipeline.lifecycle.refusals.rules import RULES
from ghost_pipeline.lifecycle.refusals.unwrapping import read_code, unwrap

_ABOUT_STATUS = {
    401: "the key",
    402: "billing",
    403: "access",
    408: "time",
    409: "the request",
    413: "the request",
    422: "the request",
    429: "limits",
}
_SERVER_ERRORS = range(500, 600)


def explain(
    provider_id: str,
    found: Classification,
    status: int | None = None,
    code: str | None = None,
    message: str | None = None,
) -> str:
    """Return what an answer is evidence of, such as ``end of life on 2026-05-14``, or why it is not evidence.

    ``provider_id`` is the provider's slug, and ``found`` the class of the answer with this status, code and message.
    """
    return describe(found) if found.is_evidence else _reason(provider_id, status, code, message)


def _reason(provider_id: str, status: int | None, code: str | None, message: str | None) -> str:
    if provider_id in LOCAL_PROVIDERS:
        return f"{provider_label(provider_id)} serves what one machine has loaded"
    if provider_id not in RULES:
        return f"no rule about answers of {provider_id} is known"
    return _reason_of_status(status) or _reason_of_text(provider_id, code, message or "")


def _reason_of_text(provider_id: str, code: str | None, message: str) -> str:
    label = provider_label(provider_id)
    if not message.strip():
        return "an answer without a text may be about anything"
    answer = unwrap(provider_id, message)
    if answer is None:
        return f"the text is not {label}'s own, but a gateway's or another provider's"
    codes = {*answer.codes, read_code(code)}
    reasons = [_reason_of_status(status) for status in sorted(answer.statuses)]
    if not codes.isdisjoint(UNRELATED_CODES):
        reasons.append("its code is about access, limits, load or the request, and not about the model")
    return next(filter(None, reasons), f"no rule of {label} recognises the answer as one about this model")


def _reason_of_status(status: int | None) -> str | None:
    """Return what a status is about if no missing model gets it."""
    if status is None or status in EVIDENCE_STATUSES:
        return None
    about = "the server" if status in _SERVER_ERRORS else _ABOUT_STATUS.get(status, "something else")
    return f"status {status} is about {about}, and not about the model"
