"""By which ids a model of one provider is recognised at another one, without a guess.

A model has keys, ``maker/name`` texts: one of its own id, and one of each alias that a source states. Two offers are of
the same model if they have a key in common. Their rows stay apart, and so does everything that happens to them.

- An id with a slash is a key as it stands (``openai/gpt-x`` of an aggregator), with the maker's usual name.
- Any other id is the maker's, if the provider is the maker: ``gpt-x`` of ``openai`` is ``openai/gpt-x``.
- Vertex writes ``publishers/MAKER/models/NAME``, Bedrock ``MAKER.NAME-v1:0``, after a region for inference profiles.

The case of letters does not matter: aggregators write ids in small letters that their makers capitalise.
"""

import re
from collections.abc import Iterable
from contextlib import suppress

from ghost_pipeline.errors import InvalidProvider
from ghost_pipeline.lifecycle.identity import fold_case, provider_slug

_VERTEX = re.compile(r"publishers/([^/]+)/models/([^/@]+)(?:@[^/]*)?")
_BEDROCK = re.compile(r"(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?([a-z0-9-]+)\.(.+?)(?:-v[0-9]+(?::[0-9a-z]+)*)?")


def same_model_keys(provider_id: str, model_id: str, aliases: str | None) -> frozenset[str]:
    """Return the keys of a model; ``aliases`` is the fact of that name."""
    return frozenset(_key(provider_id, one) for one in _ids(model_id, aliases))


def _ids(model_id: str, aliases: str | None) -> Iterable[str]:
    return (model_id, *(aliases.split(" ") if aliases else ()))


def makers_id(provider_id: str, model_id: str) -> str | None:
    """Return ``maker/name`` of an id of Vertex or Bedrock, as aggregators write it; None for any other id."""
    pattern = {"vertex": _VERTEX, "bedrock": _BEDROCK}.get(provider_id)
    named = pattern.fullmatch(model_id) if pattern else None
    # Between aliases are spaces, so an id with one can't be such.
    return None if named is None or " " in model_id else f"{named[1]}/{named[2]}"


def _key(provider_id: str, model_id: str) -> str:
    shared = makers_id(provider_id, model_id) or model_id
    maker, _, name = shared.partition("/") if "/" in shared else (provider_id, "", shared)
    with suppress(InvalidProvider):  # "@cf" of Cloudflare, for one: a key all the same, of equal ids
        maker = provider_slug(maker)
    return fold_case(f"{maker}/{name}")
