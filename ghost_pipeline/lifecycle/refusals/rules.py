"""The texts with which providers refuse a model, by provider: what each states, and our own words for it.

The texts are those of error bodies in public issues and of providers' documentation. Add a text only if it was seen in
an answer, and choose the weaker class when in doubt:

- RETIRED: the text states that the provider has withdrawn the model.
- NOT_FOUND: the text has no other cause than an unknown model, and contains exactly the requested id. A client that
  sends a padded or prefixed id gets the same text, with that id in it.
- AMBIGUOUS: the text names several causes, or contains no id, or live models got it too.

Deliberately without rules: Azure, whose answers are about a customer's deployment, and local servers, whose "not
found" is about one machine.
"""

from dataclasses import dataclass

from ghost_pipeline.lifecycle.vocabulary import RefusalClass


@dataclass(frozen=True, slots=True)
class Rule:
    """Texts of one provider that state the same. The format of the texts is described in ``templates.py``."""

    name: str
    refusal_class: RefusalClass
    words: str
    """What people read: our own words, since a provider's text can contain ids of accounts and other models."""
    texts: tuple[str, ...]
    only_ids_ending: str = ""
    """The rule is about requests for ids with this ending only: one offer of the model, not the model."""
    needs_code: str | None = None
    """A code or type in lower case that must come with a text that is too common alone."""


def _retired(name: str, *texts: str, words: str = "end of life", only_ids_ending: str = "") -> Rule:
    return Rule(name, RefusalClass.RETIRED, words, texts, only_ids_ending)


def _not_found(name: str, *texts: str) -> Rule:
    return Rule(name, RefusalClass.NOT_FOUND, "no such model", texts)


def _ambiguous(name: str, *texts: str, words: str = "not found or no access", needs_code: str | None = None) -> Rule:
    return Rule(name, RefusalClass.AMBIGUOUS, words, texts, needs_code=needs_code)


_NO_ACCESS = (
    "The model `{model}` does not exist or you do not have access to it.…",
    "The model {model} does not exist or you do not have access to it.…",
)
"""OpenAI's text, which others use too: each of them has it in its own rules."""

RULES: dict[str, tuple[Rule, ...]] = {
    "openai": (
        _retired(
            "deprecated",
            "The model `{model}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations…",
        ),
        _not_found("requested_model", "The requested model '{model}' does not exist."),
        _ambiguous("no_access", *_NO_ACCESS),
        _ambiguous("does_not_exist", "The model '{model}' does not exist"),
        _ambiguous("that_model", "That model does not exist"),
    ),
    # retired models and unknown ones get the same text
    "anthropic": (_not_found("model", "model: {model}"),),
    "google": (
        # "is no longer available to new users" is about the account and has no full stop at this place
        _retired(
            "no_longer_available",
            "This model models/{model} is no longer available. Please update your code to use models/{replacement}…",
            "This model models/{model} is no longer available. Please update your code to use …",
        ),
        # v1 is the older version, in which new models have never been
        _ambiguous(
            "api_version",
            "models/{model} is not found for API version v1beta, or is not supported for …",
            words="not found in this API version",
        ),
    ),
    # a model that is not served in one region gets this text there
    "vertex": (
        _ambiguous(
            "publisher_model",
            "Publisher Model `projects/{word}/locations/{word}/{model}` was not found or your project does not have "
            "access to it.…",
            words="not found in this region, or no access",
        ),
    ),
    "bedrock": (_retired("end_of_life", "This model version has reached the end of its life.…"),),
    # about an offer without charge, whose model lives on under the id without the ending
    "openrouter": (
        _retired(
            "free_period_ended",
            "The free {phrase} period has ended. To continue using this model, please migrate to the paid slug: {base}",
            words="no longer free",
            only_ids_ending=":free",
        ),
        _retired(
            "unavailable_for_free",
            "This model is unavailable for free. The paid version is available now - use this slug instead: {base}",
            words="no longer free",
            only_ids_ending=":free",
        ),
        _not_found("invalid_model_id", "{model} is not a valid model ID"),
        _ambiguous("no_endpoints", "No endpoints found for {model}.", words="no upstream provider at that moment"),
    ),
    "groq": (
        _retired(
            "model_decommissioned",
            "The model `{model}` has been decommissioned and is no longer supported.…",
            "The model {model} has been decommissioned and is no longer supported.…",
            words="decommissioned",
        ),
        _ambiguous("no_access", *_NO_ACCESS),
    ),
    "mistral": (_not_found("invalid_model", "Invalid model: {model}"),),
    "cohere": (
        _retired("removed", "model '{model}' was removed on {date}.…", words="removed"),
        _ambiguous(
            "no_access",
            "model '{model}' not found, make sure the correct model ID was used and that you have access to the model.",
            "model not found, make sure the correct model ID was used and that you have access to the model.",
        ),
        _ambiguous("does_not_exist", "model at '{model}' does not exist."),
    ),
    "xai": (
        _retired(
            "deprecated",
            "The model {model} was deprecated on {date} and is no longer accessible via the API. "
            "Please use {replacement} instead.…",
            "The model {model} was deprecated on {date} and is no longer accessible via the API.…",
        ),
        _not_found("not_found", "Model not found: {model}"),
        _ambiguous("no_access", "The model {model} does not exist or your team {phrase} does not have access to it.…"),
    ),
    "deepseek": (
        _not_found("supported_names", "The supported API model names are {phrase}, but you passed {model}."),
        _ambiguous("model_not_exist", "Model Not Exist", words="no such model, but the answer has no id"),
    ),
    "together": (
        _ambiguous(
            "unable_to_access",
            "Unable to access model {model}. Please visit https://api.together.xyz to see the list of supported models"
            " or contact the owner to request access.…",
        ),
    ),
    "fireworks": (
        _ambiguous(
            "not_found",
            "Model not found, inaccessible, and/or not deployed",
            words="not found, no access, or not deployed",
        ),
    ),
    "nvidia": (
        _retired(
            "end_of_life", "The model '{model}' has reached its end of life on {date} and is no longer available.…"
        ),
    ),
    "cerebras": (_ambiguous("no_access", "Model does not exist or you do not have access to it."),),
    "perplexity": (
        _not_found("invalid_model", "Invalid model '{model}'. Permitted models can be found in the documentation at …"),
    ),
    # one provider behind the router; others serve the model
    "huggingface": (
        _retired(
            "hf_inference",
            "The requested model is deprecated and no longer supported by provider hf-inference…",
            words="no longer supported by hf-inference",
            only_ids_ending=":hf-inference",
        ),
    ),
    "github": (_ambiguous("unknown_model", "Unknown model: {model}", words="unknown model"),),
    "cloudflare": (
        _retired(
            "deprecated",
            "AiError: Model has been deprecated: This model was deprecated on {date}.…",
            "AiError: 5028: This model was deprecated on {date}.…",
        ),
        _not_found("no_such_model", "No such model {model} or task", "AiError: No such model {model} or task"),
        _ambiguous("model_not_found", "Model not found: {model}"),
        _ambiguous("invalid_name", "The model name is invalid", words="invalid model name", needs_code="3042"),
    ),
    # the service in the cloud: "ollama" is a local server
    "ollama-cloud": (_retired("retired", "{model} was retired at {date}…", words="retired"),),
    "oci": (_retired("retired", "Model {model} {word} is retired", words="retired"),),
    "zenmux": (
        _ambiguous(
            "invalid_model",
            "Model does not exist",
            words="no such model, but the answer has no id",
            needs_code="invalid_model",
        ),
        _ambiguous("not_valid", "Model {model} is not valid", needs_code="invalid_params", words="invalid model name"),
    ),
}
"""Slug of a provider -> its rules, of which the first that matches counts."""
