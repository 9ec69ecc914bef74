"""An error answer has the class that its provider's documented text has, and unknown texts are not evidence."""

from ghost_pipeline.lifecycle.refusals.classification import NOT_EVIDENCE, classify_refusal


def test_an_unknown_text_is_not_evidence() -> None:
    assert classify_refusal("openai", "gpt-4", status=404, code=None, message="Not Found") == NOT_EVIDENCE
    assert not NOT_EVIDENCE.is_evidence
