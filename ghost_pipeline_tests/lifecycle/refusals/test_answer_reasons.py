"""Every answer that was seen has words for people, and none of the provider's text is in them."""

from ghost_pipeline.lifecycle.refusals.answer_reasons import explain
from ghost_pipeline.lifecycle.refusals.classification import classify_refusal
from ghost_pipeline.lifecycle.refusals.evidence import describe
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN


def test_every_answer_has_words_that_repeat_nothing_of_its_text() -> None:
    for seen in SEEN:
        found = classify_refusal(seen.provider_id, seen.model_id, status=seen.status, code=seen.code, message=seen.text)
        words = explain(seen.provider_id, found, seen.status, seen.code, seen.text)
        assert words
        assert (words == describe(found)) is found.is_evidence
        assert seen.model_id not in words
        assert len(words) < 120
