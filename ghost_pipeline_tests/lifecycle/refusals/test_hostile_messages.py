"""Whatever a message contains, its class is found in bounded time and without an error."""

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from ghost_pipeline.lifecycle.refusals.classification import NOT_EVIDENCE, classify_refusal
from ghost_pipeline.lifecycle.refusals.rules import RULES
from ghost_pipeline.lifecycle.refusals.unwrapping import MAX_EXAMINED, unwrap
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN, Seen

GONE = "The model `m` has been decommissioned and is no longer supported. Please refer to the page."

NAMING = [
    seen
    for seen in SEEN
    if seen.expected is not RefusalClass.NOT_EVIDENCE and seen.model_id.removesuffix(":free") in seen.text
]


class OnlySliced(str):
    """A text of which nothing but short slices may be read."""

    def __getitem__(self, key: object) -> str:
        assert isinstance(key, slice)
        assert key.stop <= MAX_EXAMINED
        return str.__getitem__(self, key)

    def _refuse(self, *_: object, **__: object) -> object:
        raise AssertionError("the whole text is read")

    lower = upper = strip = lstrip = rstrip = find = index = split = partition = replace = encode = _refuse  # type: ignore[assignment]
    startswith = endswith = __contains__ = __iter__ = __hash__ = __eq__ = _refuse  # type: ignore[assignment]


HOSTILE = {
    "html": "<html>" + "<div>model: m</div>" * 300_000,
    "arrays": "[" * 5_000_000,
    "objects": '{"error":' * 500_000,
    "python": "{'error': " * 500_000,
    "quotes": "{" + "'" * 5_000_000,
    "both quotes": "{" + "'\"" * 2_500_000,
    "escapes": "{'" + "\\'" * 2_500_000 + "\\",
    "backslashes": '{"' + "\\" * 5_000_000,
    "bytes": "b'" + "\\x41" * 1_250_000,
    "names": "NotFoundError: " * 300_000,
    "litellm": "litellm.NotFoundError: GroqException - " * 100_000,
    "modules": "a." * 2_500_000,
    "headers": "headers: {" + "a: b, headers: " * 300_000,
    "letters": "a" * 5_000_000,
    "blanks": " " * 5_000_000,
    "lines": "\n" * 5_000_000,
    "digits": "1" * 5_000_000,
    "a number": '{"code": ' + "1" * 5_000_000,
    "a phrase": "The supported API model names are " + "deepseek, but you passed " * 200_000,
    "a tail": GONE + " x" * 2_500_000,
    "suffixes": GONE + "\nReceived Model Group= LiteLLM Retried" * 100_000,
    "bidi": "\u202emodel: m\u2066" * 400_000,
    "nulls": "\0" * 5_000_000,
    "surrogates": "b'\ud800" + "\udfff" * 3_000_000,
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_five_megabytes_cost_no_more_than_their_first_part(shape: str) -> None:
    message = OnlySliced(HOSTILE[shape])
    begin = time.process_time()
    for provider_id in ("groq", "deepseek", "cohere"):
        found = classify_refusal(provider_id, "m", status=404, code=None, message=message)
        assert found.is_evidence == (provider_id == "groq" and shape in ("a tail", "suffixes"))
    assert time.process_time() - begin < 1  # three times 16 KB: a few ms each, while quadratic time takes seconds


def test_the_part_that_is_read_holds_any_real_answer() -> None:
    assert 20 * max(len(seen.text) for seen in SEEN) < MAX_EXAMINED
    assert unwrap("groq", " " * MAX_EXAMINED + GONE) != unwrap("groq", GONE)


def test_a_body_that_is_cut_off_is_not_evidence() -> None:
    body = json.dumps({"error": {"message": GONE, "padding": "x" * MAX_EXAMINED}})
    assert classify_refusal("groq", "m", status=400, code=None, message=body) == NOT_EVIDENCE


def nested(depth: int) -> str:
    text = GONE
    for _ in range(depth):
        text = f"litellm.NotFoundError: GroqException - {text}"
    return text


def test_layers_are_opened_up_to_a_limit() -> None:
    def is_evidence(message: str) -> bool:
        return classify_refusal("groq", "m", status=400, code=None, message=message).is_evidence

    assert is_evidence(nested(10))
    assert not is_evidence(nested(30))
    assert is_evidence(json.dumps([[[[{"error": {"error": {"detail": [GONE]}}}]]]]))
    assert not is_evidence(json.dumps([GONE, GONE]))
    assert not is_evidence("[" * 40 + json.dumps(GONE) + "]" * 40)


@pytest.mark.parametrize(
    "message",
    [
        "{'error': {'message': \"The model `m` has been decommissioned and is no longer supported. It\\'s gone.\"}}",
        "{'error': {'message': 'The model `m` has been decommissioned and is no longer supported. It\\'s gone.'}}",
        "{'error': {'message': 'The model \\x60m\\u0060 has been decommissioned and is no longer supported.\\n'}}",
        "{'ok': True, 'n': None, 'error': 'The model m has been decommissioned and is no longer supported.'}",
        'b\'{"error": "The model m has been decommissioned and is no longer supported. \\xe2\\x80\\x99"}\'',
        '"The model m has been decommissioned and is no longer supported."',
    ],
)
def test_the_literals_of_python_are_read(message: str) -> None:
    assert classify_refusal("groq", "m", status=400, code=None, message=message).is_evidence


@pytest.mark.parametrize(
    "message", ["{'error': __import__('os')}", "{'error': [x for x in y]}", "{**{}}", "{'a'", "b'"]
)
def test_other_python_is_not_read(message: str) -> None:
    assert classify_refusal("groq", "m", status=400, code=None, message=message) == NOT_EVIDENCE


MARKERS = [
    max((part for place in text.split("{") for part in place.split("}")), key=len)
    for rules in RULES.values()
    for rule in rules
    for text in rule.texts
]
PARTS = [
    *MARKERS,
    *("m", "`m`", "'m'", " ", "\n", "{", "}", "[", "]", '"', "'", "\\", ":", "b'", "None", "404", "Error code: 404 - "),
    *(
        "litellm.NotFoundError: ",
        "GroqException - ",
        '{"error": ',
        '{"message": "',
        "{'error': '",
        ". Received Model Group=",
    ),
    *("2026-05-14", "Invalid model: m", "model: m", "does not have access to model", "to new users", "\u202e", "\0"),
]
CODES = st.none() | st.text(max_size=12) | st.sampled_from(["403", "404", "model_not_found", "invalid_model", "3042"])


@given(
    st.sampled_from([*RULES, "ollama", "acme", ""]),
    st.sampled_from(["m", "", "{model}", "a/m:free", "…"]) | st.text(max_size=5),
    st.none() | st.integers(-1, 700) | st.sampled_from([400, 404, 410]),
    CODES,
    st.none() | st.text(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=12).map("".join),
)
def test_no_input_fails_and_none_without_a_text_of_its_provider_is_evidence(
    provider_id: str, model_id: str, status: int | None, code: str | None, message: str | None
) -> None:
    found = classify_refusal(provider_id, model_id, status=status, code=code, message=message)
    if found.is_evidence:
        assert status in (None, 400, 404, 410)
        assert any(marker in (message or "") for marker in MARKERS)
        assert found.rule_id in {f"{provider_id}.{rule.name}" for rule in RULES[provider_id]}


@given(
    st.sampled_from(NAMING), st.integers(0, 60), st.sampled_from(["", "x", " ", "-", "/", ".", "\u200b"]), st.booleans()
)
def test_no_text_about_another_id_is_evidence(seen: Seen, place: int, change: str, is_inserted: bool) -> None:
    named = seen.model_id.removesuffix(":free")
    place %= len(named) + is_inserted
    other = named[:place] + change + named[place + (not is_inserted) :]
    assume(other != named)
    text = seen.text.replace(named, other)
    assert classify_refusal(seen.provider_id, seen.model_id, status=None, code=seen.code, message=text) == NOT_EVIDENCE
