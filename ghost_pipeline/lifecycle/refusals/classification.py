"""The classes of refusals, and the one function that finds the class of an error answer."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ghost_pipeline.lifecycle.identity import LOCAL_PROVIDERS


class RefusalClass(StrEnum):
    """How much an error answer states about the model that was requested."""

    RETIRED = "retired"
    """The provider states that it has withdrawn the model. One answer is enough."""
    NOT_FOUND = "not_found"
    """The provider states that it has no such model. New models that are not rolled out yet look the same."""
    AMBIGUOUS = "ambiguous"
    """The model is gone, or the account has no access to it, or the request was wrong: the text names all of them."""
    NOT_EVIDENCE = "not_evidence"
    """The answer is about something else, or no rule recognises it."""


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
    if provider_id in LOCAL_PROVIDERS:
        return NOT_EVIDENCE  # "not found" is about one machine
    return NOT_EVIDENCE
