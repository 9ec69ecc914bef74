"""``track --refused``: what an answer means, for people and as JSON."""

import json

import pytest

from ghost_pipeline_tests.command_line import Run

MODEL = ("nvidia", "z-ai/glm4.7")
GONE = "The model 'z-ai/glm4.7' has reached its end of life on 2026-05-14T00:00:00Z and is no longer available."


def test_evidence_is_recorded_and_marks_the_model(run: Run) -> None:
    run("track", *MODEL)
    ran = run("track", *MODEL, "--refused", "--status", "410", "--message", GONE, "--account", "team-a")
    assert (ran.code, ran.err) == (0, "")
    recorded = "nvidia z-ai/glm4.7: recorded as evidence: end of life on 2026-05-14"
    assert ran.out == f"{recorded}; the model is refused\n"
    assert "refused before" in run("track", *MODEL, "--refused", "--message", GONE).out
    run("track", *MODEL)
    assert run("track", *MODEL, "--refused", "--message", GONE).out == f"{recorded}; the model is refused\n"


def test_an_answer_that_takes_more_and_an_unknown_model_have_words_of_their_own(run: Run) -> None:
    run("track", "anthropic", "claude-2.1")
    one = run("track", "anthropic", "claude-2.1", "--refused", "--status", "404", "--message", "model: claude-2.1")
    assert "it takes more until the model is refused" in one.out
    other = run("track", "anthropic", "claude-9", "--refused", "--status", "404", "--message", "model: claude-9")
    assert "a model that the catalog does not know" in other.out


@pytest.mark.parametrize(
    ("model", "answer", "reason"),
    [
        (MODEL, ("--status", "403", "--message", GONE), "status 403 is about access, and not about the model"),
        (MODEL, ("--status", "429"), "status 429 is about limits, and not about the model"),
        (MODEL, ("--status", "502"), "status 502 is about the server, and not about the model"),
        (MODEL, ("--status", "418"), "status 418 is about something else, and not about the model"),
        (MODEL, ("--status", "404"), "an answer without a text may be about anything"),
        (MODEL, ("--status", "404", "--message", " "), "an answer without a text may be about anything"),
        (MODEL, ("--code", "model_not_found"), "an answer without a text may be about anything"),
        (MODEL, ("--message", "404 page not found"), "no rule of NVIDIA recognises the answer as one about this model"),
        (MODEL, ("--message", f"Error code: 503 - {GONE}"), "status 503 is about the server"),
        (MODEL, ("--code", "rate_limit_exceeded", "--message", GONE), "its code is about access, limits, load"),
        (MODEL, ("--message", f"litellm.NotFoundError: {GONE}"), "the text is not NVIDIA's own"),
        (("ollama", "llama3"), ("--message", "model 'llama3' not found"), "Ollama serves what one machine has loaded"),
        (("acme", "x"), ("--message", "model 'x' not found"), "no rule about answers of acme is known"),
    ],
)
def test_what_is_not_evidence_has_its_reason(
    run: Run, model: tuple[str, str], answer: tuple[str, ...], reason: str
) -> None:
    ran = run("track", *model, "--refused", *answer)
    assert ran.code == 0
    assert f"not evidence, because {reason}" in ran.out
    assert json.loads(run("track", *model, "--refused", *answer, "--json").out)["effect"] == "not_evidence"


def test_as_json_it_has_the_effect_the_class_and_the_explanation(run: Run) -> None:
    run("track", *MODEL)
    ran = run("track", *MODEL, "--refused", "--status", "410", "--message", GONE, "--json")
    assert json.loads(ran.out) == {
        "provider_id": "nvidia",
        "model_id": "z-ai/glm4.7",
        "effect": "refused",
        "refusal_class": "retired",
        "explanation": "end of life on 2026-05-14",
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--refused",), "--refused needs --status, --code or --message"),
        (("--refused", "--status", "gone"), "'gone' is not a valid integer range"),
        (("--refused", "--status", "99"), "99 is not in the range"),
        (("--refused", "--status", "404", "--name", "X"), "--name and --metadata are of successful inferences"),
        (("--status", "404"), "add --refused"),
        (("--message", "x"), "add --refused"),
        (("--refused", "--message", GONE, "--account", "a" * 7 + " b" * 40), "can't be stored"),
    ],
)
def test_options_that_do_not_belong_together_are_wrong(run: Run, arguments: tuple[str, ...], problem: str) -> None:
    ran = run("track", *MODEL, *arguments)
    assert ran.code == 2
    assert problem in ran.err
