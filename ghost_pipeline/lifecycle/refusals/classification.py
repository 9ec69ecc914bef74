"""The class of an error answer: which rule of its provider recognises the text, once nothing is around it any more.

The answer is evidence only if everything agrees: the provider has rules, every status on the way is one that a missing
model gets, no code is about something else, and the provider's own text, from its first character, is one of a rule's.
Every step may be wrong in one direction only: what is not recognised is not evidence.
"""

from dataclasses import dataclass
from datetime import date

from ghost_pipeline.errors import InvalidModelId
from ghost_pipeline.lifecycle.identity import canonical_model_id
from ghost_pipeline.lifecycle.refusals.rules import RULES, Rule
from ghost_pipeline.lifecycle.refusals.templates import Found, match_template
from ghost_pipeline.lifecycle.refusals.unwrapping import Answer, read_code, unwrap
from ghost_pipeline.lifecycle.vocabulary import RefusalClass

EVIDENCE_STATUSES = frozenset({400, 404, 410})
"""Statuses under which providers refuse a missing model. Any other status, on any layer, is about something else."""

UNRELATED_CODES = frozenset(
    {
        # access
        "access_denied",
        "accessdeniedexception",
        "authentication_error",
        "authenticationerror",
        "invalid_api_key",
        "permission_denied",
        "permission_error",
        "permissiondeniederror",
        "key_model_access_denied",
        "org_model_access_denied",
        "project_model_access_denied",
        "team_model_access_denied",
        "user_model_access_denied",
        # money, quotas and load
        "budget_exceeded",
        "budgetexceedederror",
        "insufficient_credit",
        "insufficient_quota",
        "overloaded_error",
        "rate_limit",
        "rate_limit_error",
        "rate_limit_exceeded",
        "rate_limited",
        "ratelimiterror",
        "resource_exhausted",
        # the server, the network or the deployment
        "apiconnectionerror",
        "apitimeouterror",
        "badgatewayerror",
        "dedicated_endpoint_not_running",
        "deploymentnotfound",
        "internalservererror",
        "serviceunavailableerror",
        "timeout",
        "unavailable",
        # the request, the plan or the region
        "content_policy_violation",
        "contentpolicyviolationerror",
        "context_length_exceeded",
        "contextwindowexceedederror",
        "failed_precondition",
        "model_not_available",
        "model_not_supported",
        "unprocessableentityerror",
        "unsupportedparamserror",
    }
)
"""Codes, types and names of exceptions, in lower case, of answers that are about something else than the model."""

UNRELATED_WORDS = (
    "does not have access to model",
    "new users",
    "in your region",
    "in your country",
    "not been actively using",
    "not allowed to access model",
    "is not available for this api key",
    "invalid model name passed in model=",
    "no healthy deployments",
    "no deployments available",
    "budget has been exceeded",
)
"""Words, in lower case, that make an answer evidence of nothing whatever else it contains."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What an error answer states about the requested model. It contains nothing of the text except a model id."""

    refusal_class: RefusalClass
    rule_id: str | None = None
    """The rule that matched, such as ``groq.model_decommissioned``; None if the answer is not evidence."""
    words: str | None = None
    """Our own short words for people, such as ``end of life``; None if the answer is not evidence."""
    replaced_by: str | None = None
    """The catalog's id of the model that the text names as the replacement. It is the provider's hint, no more."""
    retired_on: date | None = None
    """The day of the withdrawal, if the text states one."""

    @property
    def is_evidence(self) -> bool:
        """Return True unless the answer is about something else than the model."""
        return self.refusal_class is not RefusalClass.NOT_EVIDENCE


NOT_EVIDENCE = Classification(RefusalClass.NOT_EVIDENCE)


def classify_refusal(
    provider_id: str, model_id: str, *, status: int | None, code: str | None, message: str | None
) -> Classification:
    """Return what a provider's error answer states about the model ``model_id``. Never raises.

    Args:
        provider_id: The catalog's slug of the provider that was called.
        model_id: The catalog's id of the model that was requested.
        status: The HTTP status, if it is known.
        code: The error's code or type, if it is known.
        message: The error's text or the whole body, with whatever a client or a gateway put around it.
    """
    if provider_id not in RULES or not message:
        return NOT_EVIDENCE
    if not model_id or model_id.strip() != model_id or (status is not None and status not in EVIDENCE_STATUSES):
        return NOT_EVIDENCE
    answer = unwrap(provider_id, message)
    if answer is None:
        return NOT_EVIDENCE
    for rule in RULES[provider_id]:
        found = _match(rule, model_id, answer, code)
        if found is not None and not _is_unrelated(answer, code):
            return Classification(
                rule.refusal_class,
                f"{provider_id}.{rule.name}",
                rule.words,
                _canonical_replacement(provider_id, model_id, found.replacement),
                found.day,
            )
    return NOT_EVIDENCE


def _is_unrelated(answer: Answer, code: str | None) -> bool:
    """Return True if a status, a code or the words of the answer show that it is about something else."""
    codes, statuses = answer.codes, answer.statuses
    outer = read_code(code)
    if isinstance(outer, int):
        statuses |= {outer}
    elif outer is not None:
        codes |= {outer}
    if not (statuses <= EVIDENCE_STATUSES and codes.isdisjoint(UNRELATED_CODES)):
        return True
    text = answer.text.lower()
    return any(words in text for words in UNRELATED_WORDS)


def _match(rule: Rule, model_id: str, answer: Answer, code: str | None) -> Found | None:
    """Return what the rule finds in the answer, or None if the rule does not recognise it."""
    if not model_id.endswith(rule.only_ids_ending):
        return None
    if rule.needs_code and rule.needs_code not in answer.codes and rule.needs_code != read_code(code):
        return None
    base = model_id[: len(model_id) - len(rule.only_ids_ending)]
    for template in rule.texts:
        found = match_template(template, answer.text, model_id, base)
        if found is not None:
            return found
    return None


def _canonical_replacement(provider_id: str, model_id: str, replacement: str | None) -> str | None:
    """Return the catalog's id of the replacement, or None without a usable one."""
    if replacement is None:
        return None
    try:
        canonical = canonical_model_id(provider_id, replacement)
    except InvalidModelId:
        return None
    return canonical if canonical != model_id else None
