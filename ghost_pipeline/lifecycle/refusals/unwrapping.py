"""The provider's own text inside an error message: what clients and gateways put around it, layer by layer.

Understood are the names of exceptions, ``Error code: 404 - {…}`` and its relatives, LiteLLM's
``litellm.NotFoundError: GroqException - …``, error bodies in JSON, also inside strings, and the same as Python writes
dictionaries and bytes. What is not understood stays as it is, and no rule recognises it.

OpenRouter's ``metadata.raw`` is never opened: what one upstream of it answers says nothing about OpenRouter's model.
"""

import json
import re
from dataclasses import dataclass, field

from ghost_pipeline.lifecycle.identity import PROVIDER_ALIASES

MAX_EXAMINED = 16_384
"""Characters of a message that are read: refusals have some hundred, and a proxy may answer with megabytes of HTML."""
MAX_LAYERS = 32
_MAX_CODE = 100

_TEXT_KEYS = ("error", "errors", "message", "Message", "detail")
"""Keys of an error body that have the text, or the object with the text; the first that is there counts."""
_CODE_KEYS = ("code", "type", "status", "title", "status_code", "raw_status_code", "__type")

_EXCEPTION_NAME = re.compile(
    r"(?P<litellm>litellm\.(?:exceptions\.)?)?(?:[a-z_]{1,40}\.){0,6}"
    r"(?:NotFoundError|BadRequestError|APIError|APIStatusError|ApiError|ClientError|ModelHTTPError|SDKError|NotFound"
    r"|ResourceNotFoundException): "
)
_PROVIDER_NAME = re.compile(r"(?P<provider>[A-Za-z][A-Za-z0-9_]{1,40}?) ?Exception - ")
_STATUS = re.compile(
    r"(?:headers: \{[^{}]*\}, )?(?:Error code: |HTTP(?: error)? |status_code: |API error occurred: Status )?"
    r"(?P<status>[1-9][0-9]{2})"
    r"(?:, model_name: [^\s,{]{1,512})?"
    r"(?: - |: |, body: |\. Body: |\.? ?\n| [A-Z_]{4,40}\. | (?=[^\s0-9]))"
)
_AWS = re.compile(
    r"An error occurred \((?P<code>\w{1,60})\) when calling the "
    r"(?:InvokeModel|InvokeModelWithResponseStream|Converse|ConverseStream) operation"
    r"(?: \(reached max retries: \d\))?: "
)
_GATEWAY_SUFFIX = re.compile(
    r"\. Received Model Group=|\nError doing the fallback: | LiteLLM Retried: |, LiteLLM Max Retries: "
)
"""What LiteLLM's router appends: the configuration, and the texts of other models that it tried afterwards."""

_PYTHON_LITERAL = re.compile(
    r"""'((?:[^'\\]+|\\.?)*)(?:'|\Z)|"((?:[^"\\]+|\\.?)*)(?:"|\Z)|\b(?:None|True|False)\b""", re.DOTALL
)
_PYTHON_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_JSON_WORDS = {"None": "null", "True": "true", "False": "false"}
_CONTROL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}

_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's own text, with every status and code of the layers around it."""

    text: str
    statuses: frozenset[int]
    codes: frozenset[str]
    """In lower case."""


def unwrap(provider_id: str, message: str) -> Answer | None:
    """Return the provider's own answer inside ``message``.

    Return None if the text is a gateway's own or another provider's, or if there is no text.
    """
    layers = _Layers(provider_id)
    value: object = message[:MAX_EXAMINED].lstrip().rstrip("\r\n")
    for _ in range(MAX_LAYERS):
        inner = layers.open(value)
        if inner is None:
            break
        value = inner
    else:
        return None
    if not isinstance(value, str) or layers.is_foreign or (layers.is_of_litellm and not layers.names_provider):
        return None
    suffix = _GATEWAY_SUFFIX.search(value) if layers.names_provider else None
    text = value[: suffix.start()] if suffix else value
    return Answer(text, frozenset(layers.statuses), frozenset(layers.codes))


def read_code(code: object) -> int | str | None:
    """Return an HTTP status that was given as a code, or the code in lower case without its module, or None."""
    if isinstance(code, int) and not isinstance(code, bool):
        code = str(code) if 0 <= code < 10**9 else ""
    if not isinstance(code, str) or not 0 < len(code) <= _MAX_CODE:
        return None
    if len(code) == 3 and code.isascii() and code.isdigit():
        return int(code)
    return code.rpartition(".")[2].strip().lower()


@dataclass(slots=True)
class _Layers:
    """The layers of one message that are open, and what they contain beside the text."""

    provider_id: str
    statuses: set[int] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    is_of_litellm: bool = False
    names_provider: bool = False
    is_foreign: bool = False
    """True if a layer names another provider than the one that was called."""

    def open(self, value: object) -> object | None:
        """Return what is inside the outermost layer, or None if there is no further one."""
        if isinstance(value, str):
            return self._open_prefix(value) or _read_structure(value)
        if isinstance(value, list):
            return value[0] if len(value) == 1 else None
        if isinstance(value, dict):
            self._keep_codes(value)
            return next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str | dict | list)), None)
        return None

    def _open_prefix(self, text: str) -> str | None:
        """Return the text behind what a client or a gateway wrote in front of it, or None if it is bare."""
        if matched := _EXCEPTION_NAME.match(text):
            self.is_of_litellm |= bool(matched["litellm"])
        elif matched := _PROVIDER_NAME.match(text):
            self.names_provider = True
            self.is_foreign |= not _is_named(self.provider_id, matched["provider"])
        elif matched := _STATUS.match(text):
            self.statuses.add(int(matched["status"]))
        elif matched := _AWS.match(text):
            self.codes.add(matched["code"].lower())
        return text[matched.end() :] or None if matched else None

    def _keep_codes(self, body: dict[object, object]) -> None:
        for key in _CODE_KEYS:
            code = read_code(body.get(key))
            if isinstance(code, int):
                self.statuses.add(code)
            elif code is not None:
                self.codes.add(code)


def _is_named(provider_id: str, name: str) -> bool:
    """Return True if LiteLLM may call the provider ``name``.

    It calls every provider behind its route ``openai/`` OpenAI, and takes Gemini's API for Vertex AI at times.
    """
    compared = name.lower().replace("_", "-")
    slug = PROVIDER_ALIASES.get(compared) or _COMPACT_ALIASES.get(compared, compared)
    return slug in (provider_id, "openai") or (slug, provider_id) == ("vertex", "google")


_COMPACT_ALIASES = {alias.replace("-", ""): slug for alias, slug in PROVIDER_ALIASES.items()}


def _read_structure(text: str) -> object | None:
    """Return the JSON value or the Python literal at the begin of the text, or None for other text."""
    if text.startswith(("b'", 'b"')):
        matched = _PYTHON_LITERAL.match(text, 1)
        return _unescape(matched, is_bytes=True) if matched else None
    if not text.startswith(("{", "[", '"')):
        return None
    value = _decode(text)
    return _decode(_PYTHON_LITERAL.sub(_to_json, text)) if value is None else value


def _decode(text: str) -> object | None:
    """Return the JSON value at the begin of the text, whatever follows it, or None."""
    try:
        value: object = _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
    return value


def _to_json(matched: re.Match[str]) -> str:
    return _JSON_WORDS.get(matched.group()) or json.dumps(_unescape(matched))


def _unescape(matched: re.Match[str], is_bytes: bool = False) -> str:
    """Return the text of a Python string or bytes literal."""
    raw = matched[1] if matched[1] is not None else matched[2] or ""
    text = _PYTHON_ESCAPE.sub(_unescape_one, raw)
    return text.encode("latin-1", "replace").decode("utf-8", "replace") if is_bytes else text


def _unescape_one(matched: re.Match[str]) -> str:
    if digits := matched[1] or matched[2]:
        return chr(int(digits, 16))
    return _CONTROL_ESCAPES.get(matched[3], matched[3])
