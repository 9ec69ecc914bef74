"""The user's providers file: what it adds and changes, and the errors that it can cause."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ghost_pipeline.errors import NotConfigured, SettingsError
from ghost_pipeline.fetching.configuration import configured_providers, read_endpoints, select_endpoints
from ghost_pipeline.fetching.outcome import FetchResult
from ghost_pipeline.fetching.urls import address_defect, is_loopback
from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.fetching.builders import KEY, Serve, fetch_one, ids_bytes, ids_of, newest
from ghost_pipeline_tests.fetching.server import always, body_reply, json_reply

Write = Callable[[str], Settings]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return settings with a providers file of this text, and no key in the environment."""
    for endpoint in ENDPOINTS.values():
        for variable in endpoint.key_variables:
            monkeypatch.delenv(variable, raising=False)

    def written(text: str) -> Settings:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return Settings(providers_file=path)

    return written


def test_any_server_in_openai_s_shape_takes_two_lines(write: Write, serve: Serve, folder: Path) -> None:
    server = serve(always(body_reply(ids_bytes("a"))))
    settings = write(f'[providers.my-gateway]\nbase_url = "{server.url}/v1/"\n')
    [endpoint] = select_endpoints(settings, []).endpoints
    assert fetch_one(endpoint, folder).result is FetchResult.FETCHED
    assert ids_of(newest(folder, "my-gateway")) == ["a"]
    assert server.requests[0].target == "/v1/models"
    assert "authorization" not in server.requests[0].headers


def test_a_server_can_be_like_another_provider_and_have_a_key(
    write: Write, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(always(json_reply({"models": [{"name": "qwen3:8b"}]})))
    settings = write(
        f'[providers.gpu-box]\nbase_url = "{server.url}"\nformat = "ollama"\nkey_variable = "BOX_KEY"\n'
        "[providers.gpu-box.parameters]\nverbose = 1\n"
    )
    monkeypatch.setenv("BOX_KEY", KEY)
    [endpoint] = select_endpoints(settings, ["gpu-box"]).endpoints
    assert fetch_one(endpoint, folder).models == 1
    assert server.requests[0].target == "/api/tags?verbose=1"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_known_provider_keeps_what_the_file_does_not_change(write: Write) -> None:
    settings = write('[providers.Gemini]\nbase_url = "https://proxy.example/g"\n')
    endpoint = read_endpoints(settings.providers_file)["google"]
    assert endpoint.url == "https://proxy.example/g/models?pageSize=1000"
    assert (endpoint.key_header, endpoint.paging) == (ENDPOINTS["google"].key_header, ENDPOINTS["google"].paging)


def test_placeholders_are_filled_from_the_file(write: Write) -> None:
    endpoints = read_endpoints(write('[providers.bedrock]\nregion = "eu-west-1"\n').providers_file)
    assert endpoints["bedrock"].url == "https://bedrock.eu-west-1.amazonaws.com/foundation-models"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[providers.x", "is not valid TOML"),
        ("a = " + "[" * 5_000, "is not valid TOML|is nested too deeply"),
        ("a = 1", "'a' is unknown"),
        ("providers = 1", "is not a table"),
        ("[providers]\nx = 1", r"\[providers.x\] is not a table"),
        ("[providers.x]\n", "set its base_url"),
        ('[providers."a b"]\nbase_url = "https://x"', "is not a valid provider name"),
        ('[providers.my-models]\nbase_url = "https://x"', "use another name"),
        ('[providers.google]\n[providers.gemini]\nbase_url = "https://x"', "duplicate table for google"),
        ("[providers.openai]\nbase_url = 1", "base_url must be a string"),
        ('[providers.openai]\nbase_url = "ftp://x"', "not a valid http or https URL"),
        ('[providers.openai]\nbase_url = "http://x.example"', "plain http to another machine"),
        ('[providers.openai]\nbase_url = "https://u:SECRET@x"', "user name or password"),
        ('[providers.openai]\nbase_url = "https://x?key=SECRET"', r"contains '\?'"),
        ('[providers.openai]\nbase_url = "https://x#SECRET"', "fragment"),
        ('[providers.openai]\npath = "models"', "begin with '/'"),
        ('[providers.openai]\napi_key = "SECRET"', "'api_key' is unknown.*put the value of a key into the environment"),
        ('[providers.openai]\nkey_variable = "sk-SECRET"', "set key_variable to its name"),
        ('[providers.openai]\nformat = "google"', "'format' is unknown"),
        ('[providers.x]\nbase_url = "https://x"\nformat = "nope"', "format is unknown; use one of anthropic, "),
        ('[providers.x]\nbase_url = "https://x"\nparameters = {api_key = "SECRET"}', "looks like a key"),
        ('[providers.x]\nbase_url = "https://x"\nparameters = {a = []}', "must be a string or a whole number"),
        ("[providers.openai]\nallow_plain_http = 1", "must be true or false"),
        ('[providers.bedrock]\nregion = "x/../SECRET"', "letters, digits"),
    ],
)
def test_an_error_names_file_and_key_and_no_value(write: Write, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        select_endpoints(write(text), [])
    assert "mine.toml" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_plain_http_to_another_machine_is_the_user_s_decision(write: Write) -> None:
    table = '[providers.x]\nbase_url = "http://gateway.lan:8080/v1"\n'
    [endpoint] = select_endpoints(write(table + "allow_plain_http = true"), []).endpoints
    assert endpoint.url == "http://gateway.lan:8080/v1/models"


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost.example", False),
        ("http://127.0.0.1.example", False),
        ("http://0.0.0.0", False),
        ("http://192.168.0.1", False),
    ],
)
def test_plain_http_goes_to_loopback_only(url: str, is_local: bool) -> None:
    assert is_loopback(url) is is_local
    assert (address_defect(url, is_plain_http_allowed=False) is None) is is_local


def test_providers_with_a_key_or_in_the_file_are_selected(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", KEY)
    monkeypatch.setenv("GROQ_API_KEY", "two\nlines")
    monkeypatch.setenv("XAI_API_KEY", " ")
    chosen = select_endpoints(write("[providers.vllm]\n[providers.mistral]\n"), [])
    assert [endpoint.provider_id for endpoint in chosen.endpoints] == ["openai", "vllm"]
    assert dict(chosen.skipped) == {
        "cloudflare": "account_id is required; set it in [providers.cloudflare] of providers.toml",
        "groq": "the value of GROQ_API_KEY can't be a key (white space or no ASCII); set it anew",
        "mistral": "a key is required; set MISTRAL_API_KEY",
    }


def test_a_public_list_is_fetched_by_name_without_a_key(write: Write) -> None:
    assert [one.provider_id for one in select_endpoints(write(""), ["openrouter"]).endpoints] == ["openrouter"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["nope"], "no base_url is configured for nope; set it in"),
        (["opnai"], "no base_url is configured for opnai; did you mean openai"),
        (["cohere"], "CO_API_KEY or COHERE_API_KEY"),
        ([], "no provider has a key"),
    ],
)
def test_an_unusable_provider_is_an_error_with_advice(write: Write, wanted: list[str], message: str) -> None:
    with pytest.raises(NotConfigured, match=message):
        select_endpoints(write(""), wanted)


def test_what_is_configured_is_listed_without_a_key(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    listed = {one.provider_id: one for one in configured_providers(write(""))}
    assert set(listed) == set(ENDPOINTS)
    assert listed["openai"].is_key_present
    assert listed["openai"].url == "https://api.openai.com/v1/models"
    assert not listed["groq"].is_key_present
    assert listed["azure"].url is None
    assert KEY not in repr(listed)


def test_the_file_in_the_current_folder_is_read_if_there_is_one(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("")
    monkeypatch.chdir(tmp_path)
    assert not read_endpoints(None)["vllm"].is_configured
    (tmp_path / "providers.toml").write_text("[providers.vllm]\n")
    assert read_endpoints(None)["vllm"].is_configured
    with pytest.raises(SettingsError, match="correct GHOST_PROVIDERS_FILE"):
        read_endpoints(tmp_path / "missing.toml")
