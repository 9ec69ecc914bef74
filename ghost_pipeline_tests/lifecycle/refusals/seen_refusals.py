"""Answers of providers that were seen in public, with the class of each.

The sources are issues of public repositories (``owner/name#number``), or the page of a provider's documentation. The
ids of accounts and projects are invented. An answer of a provider that has no rules is here too.
"""

from typing import NamedTuple

from ghost_pipeline.lifecycle.vocabulary import RefusalClass

RETIRED, NOT_FOUND, AMBIGUOUS, NOTHING = RefusalClass


class Seen(NamedTuple):
    """One answer: who gave it to a request for which model, and what it is evidence of."""

    provider_id: str
    model_id: str
    """The model that was requested, which is not always the one in the text."""
    status: int | None
    code: str | None
    text: str
    expected: RefusalClass
    source: str
    replaced_by: str | None = None
    retired_on: str | None = None


_INVALID = "invalid_request_error"
_MISSING = "model_not_found"

OPENAI = (
    Seen(
        *("openai", "text-davinci-003", 404, _MISSING),
        "The model `text-davinci-003` has been deprecated, learn more here: "
        "https://platform.openai.com/docs/deprecations",
        *(RETIRED, "openai/openai-quickstart-node#127"),
    ),
    Seen(
        *("openai", "chatgpt-4o-latest", 404, _MISSING),
        "The model `chatgpt-4o-latest` does not exist or you do not have access to it.",
        *(AMBIGUOUS, "simonw/llm#1553: what models that were shut down return, and live ones without access"),
    ),
    Seen(
        *("openai", "gpt-4", 404, _MISSING),
        "The model `gpt-4` does not exist or you do not have access to it. Learn more: "
        "https://help.openai.com/en/articles/7102672-how-can-i-access-gpt-4.",
        *(AMBIGUOUS, "skorokithakis/sysaidmin#6"),
    ),
    Seen(
        *("openai", "gpt-4", None, _MISSING, "The model 'gpt-4' does not exist", AMBIGUOUS),
        "a gist of 2023: a live model without access",
    ),
    Seen("openai", "gpt-4", 404, None, "That model does not exist", AMBIGUOUS, "acheong08/ChatGPT#525"),
    Seen(
        *("openai", "gpt-4.o", 400, _MISSING, "The requested model 'gpt-4.o' does not exist.", NOT_FOUND),
        "community.openai.com/t/1278979/3",
    ),
    Seen(
        *("openai", "codex-mini-latest", 404, _MISSING),
        "The requested model 'codex-mini-latest' does not exist.",
        *(NOT_FOUND, "anomalyco/models.dev#1479"),
    ),
    Seen("openai", "gpt-4o", 400, _INVALID, "invalid model ID", NOTHING, "danielmiessler/Fabric#1299"),
    Seen(
        *("openai", "gpt-4o-mini", 403, _MISSING, "Project `proj_1` does not have access to model `gpt-4o-mini`"),
        *(NOTHING, "cursor/cursor#2953"),
    ),
    Seen(
        *("openai", "o1-pro", 404, None),
        "This model is only supported in v1/responses and not in v1/chat/completions.",
        *(NOTHING, "n8n-io/n8n#18352"),
    ),
    Seen(
        *("openai", "babbage-002", 404, None),
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
        "Did you mean to use v1/completions?",
        *(NOTHING, "micz/ThunderAI#570"),
    ),
    Seen(
        *("openai", "gpt-4o-search-preview", None, _MISSING),
        "The requested model 'gpt-4o-search-preview' is not supported with the Responses API.",
        *(NOTHING, "Laisky/one-api#88"),
    ),
    Seen(
        *("openai", "gpt-5", 400, None),
        "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings",
        *(NOTHING, "danny-avila/LibreChat#6926"),
    ),
    Seen(
        *("openai", "gpt-5", None, None),
        "Your organization must be verified to use the model `gpt-5`. Please go to: https://platform.openai.com",
        *(NOTHING, "openai/openai-go#565"),
    ),
    Seen(
        *("openai", "gpt-5.3-codex", 400, _INVALID),
        "The 'gpt-5.3-codex' model is not supported when using Codex with a ChatGPT account.",
        *(NOTHING, "openai/codex#25838"),
    ),
    Seen(
        *("openai", "gpt-5.6-sol", 400, None),
        "The 'gpt-5.6-sol' model requires a newer version of Codex. Please upgrade to the latest app or CLI and try "
        "again.",
        *(NOTHING, "openai/codex#31826"),
    ),
    Seen(
        *("openai", "gpt-5", None, None, "Selected model is at capacity. Please try a different model."),
        *(NOTHING, "openai/codex#19446"),
    ),
    Seen(
        *("openai", "gpt-4o", 429, "insufficient_quota"),
        "You exceeded your current quota, please check your plan and billing details.",
        *(NOTHING, "Pythagora-io/gpt-pilot#340"),
    ),
    Seen(
        "openai", "gpt-4o", None, None, "Invalid URL (POST /v1/chat/completions)", NOTHING, "openai/openai-python#263"
    ),
)

ANTHROPIC = (
    Seen(
        *("anthropic", "claude-2.1", 404, "not_found_error", "model: claude-2.1", NOT_FOUND),
        "spring-projects/spring-ai#2387",
    ),
    Seen(
        *("anthropic", "claude-3-5-haiku-latest", 404, "not_found_error", "model: claude-3-5-haiku-latest", NOT_FOUND),
        "home-assistant/core#163831",
    ),
    Seen(
        *("anthropic", "claude-3-5-sonnet-20241022", 404, "not_found_error", "model: claude-3-5-sonnet-20241022 "),
        *(NOTHING, "mattermost/mattermost-plugin-agents#257: on the day of its release; the blank is another id"),
    ),
    Seen("anthropic", "claude-sonnet-4", 404, "not_found_error", "Not Found", NOTHING, "openclaw/openclaw#10552"),
    Seen(
        *("anthropic", "claude-sonnet-4", 404, "not_found_error", "The requested resource could not be found."),
        *(NOTHING, "docs.anthropic.com, errors"),
    ),
    Seen(
        *("anthropic", "claude-sonnet-4", 403, "permission_error"),
        "Your API key does not have permission to use the specified resource.",
        *(NOTHING, "docs.anthropic.com, errors"),
    ),
    Seen(
        *("anthropic", "claude-sonnet-4", 400, _INVALID),
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
        *(NOTHING, "anthropics/claude-code#66314"),
    ),
    Seen(
        *("anthropic", "claude-sonnet-4", 429, "rate_limit_error", "This request would exceed your rate limit."),
        *(NOTHING, "docs.anthropic.com, errors"),
    ),
    Seen(
        "anthropic", "claude-sonnet-4", 529, "overloaded_error", "Overloaded", NOTHING, "anthropics/claude-code#63051"
    ),
)

GOOGLE = (
    Seen(
        *("google", "gemini-2.0-flash", 404, "NOT_FOUND"),
        "This model models/gemini-2.0-flash is no longer available. Please update your code to use "
        "models/gemini-3.8-flash",
        *(RETIRED, "two projects of 2026", "gemini-3.8-flash"),
    ),
    Seen(
        *("google", "gemini-2.5-flash", 404, "NOT_FOUND"),
        "This model models/gemini-2.5-flash is no longer available to new users. Please update your code to use a "
        "newer model for the latest features and improvements.",
        *(NOTHING, "kestra-io/docs#5168"),
    ),
    Seen(
        *("google", "gemini-2.5-flash", 404, "NOT_FOUND"),
        "This model models/gemini-2.5-flash is no longer available to new users. Please update your code to use "
        "models/gemini-3.6-flash",
        *(NOTHING, "jt196/vanilla-cookbook#421"),
    ),
    Seen(
        *("google", "gemini-pro", 404, "NOT_FOUND"),
        "models/gemini-pro is not found for API version v1beta, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods.",
        *(AMBIGUOUS, "karthink/gptel#667"),
    ),
    Seen(
        *("google", "gemini-1.5-flash-latest", 404, "NOT_FOUND"),
        "models/gemini-1.5-flash-latest is not found for API version v1, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods.",
        *(NOTHING, "hcfyapp/crx-selection-translate#2199"),
    ),
    Seen(
        *("google", "gemini-pro", 404, "NOT_FOUND", "Requested entity was not found.", NOTHING),
        "google-gemini/gemini-cli#7507",
    ),
    Seen("google", "gemini-pro", 404, "Not Found", "", NOTHING, "googleapis/js-genai#930"),
    Seen(
        *("google", "gemini-pro", 400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        *(NOTHING, "google-gemini/gemini-cli#1614"),
    ),
    Seen(
        *("google", "gemini-3-pro-high", 503, "UNAVAILABLE"),
        "No capacity available for model gemini-3-pro-high on the server",
        *(NOTHING, "badrisnarayanan/antigravity-claude-proxy#197"),
    ),
)

VERTEX = (
    Seen(
        *("vertex", "publishers/google/models/gemini-2.5-pro-preview", 404, "NOT_FOUND"),
        "Publisher Model `projects/my-project/locations/us-central1/publishers/google/models/gemini-2.5-pro-preview` "
        "was not found or your project does not have access to it. Please ensure you are using a valid model version.",
        *(AMBIGUOUS, "genkit-ai/genkit#4688; pollinations/pollinations#6147: a live model in another region"),
    ),
    Seen(
        *("vertex", "publishers/anthropic/models/claude-opus-4", 404, "NOT_FOUND", "Requested entity was not found."),
        *(NOTHING, "anthropics/claude-code#14646"),
    ),
    Seen(
        *("vertex", "publishers/anthropic/models/claude-3-sonnet@20240229", 400, "FAILED_PRECONDITION"),
        "Project `1` is not allowed to use Publisher Model "
        "`projects/p/locations/us-east5/publishers/anthropic/models/claude-3-sonnet@20240229`",
        *(NOTHING, "yym68686/uni-api#41"),
    ),
    Seen(
        *("vertex", "publishers/anthropic/models/claude-3-5-sonnet", 429, "RESOURCE_EXHAUSTED"),
        "Quota exceeded for aiplatform.googleapis.com/requests with base model: anthropic-claude-3-5-sonnet.",
        *(NOTHING, "yym68686/uni-api#41"),
    ),
    Seen(
        *("vertex", "publishers/google/models/gemini-pro", 404, None),
        "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
        *(NOTHING, "a public test for a location that does not exist"),
    ),
)

_CLAUDE = "anthropic.claude-3-sonnet-20240229-v1:0"
BEDROCK = (
    Seen(
        *("bedrock", _CLAUDE, 404, "ResourceNotFoundException"),
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
        *(RETIRED, "griptape-ai/griptape-nodes-engine#4498, envoyproxy/ai-gateway#2389"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 404, "ResourceNotFoundException"),
        "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in "
        "the last 30 days. Please upgrade to an active model on Amazon Bedrock",
        *(NOTHING, "awslabs/llmeter#35"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 400, "ValidationException", "The provided model identifier is invalid.", NOTHING),
        "strands-agents/harness-sdk#38",
    ),
    Seen(
        *("bedrock", _CLAUDE, 400, "ValidationException"),
        f"Invocation of model ID {_CLAUDE} with on-demand throughput isn\N{RIGHT SINGLE QUOTATION MARK}t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model.",
        *(NOTHING, "cline/cline#1952"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 400, "ValidationException"),
        f"1 validation error detected: Value '{_CLAUDE}' at 'modelId' failed to satisfy constraint: pattern",
        *(NOTHING, "aws-samples/amazon-bedrock-client-for-mac#11"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 403, "AccessDeniedException"),
        "You don't have access to the model with the specified model ID.",
        *(NOTHING, "langgenius/dify#2829"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 404, "ResourceNotFoundException"),
        "Could not resolve the foundation model from the provided model identifier.",
        *(NOTHING, "aws-samples/bedrock-chat#91"),
    ),
    Seen(
        *("bedrock", _CLAUDE, 400, None, "data retention mode 'default' is not available", NOTHING),
        "aws-samples/sample-apj-sup-sa#257",
    ),
)

AZURE = (
    Seen("azure", "gpt-35-turbo", 404, "404", "Resource not found", NOTHING, "BerriAI/litellm#11116"),
    Seen(
        *("azure", "gpt-4o", 404, "DeploymentNotFound"),
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
        *(NOTHING, "MicrosoftDocs/azure-docs#114013"),
    ),
    Seen(
        *("azure", "gpt-35-turbo", 400, None),
        "The chatCompletion operation does not work with the specified model, gpt-35-turbo. Please choose different "
        "model and try again.",
        *(NOTHING, "BerriAI/litellm#11505"),
    ),
    Seen(
        *("azure", "DeepSeek-V4-Flash", None, "unknown_model", "Unknown model: DeepSeek-V4-Flash", NOTHING),
        "microsoft-foundry/new-foundry-portal#127: a new deployment of a live model",
    ),
    Seen(
        *("azure", "gpt-4o", None, None, '{"status": "Serverless endpoint not found"}', NOTHING),
        "microsoft/semantic-kernel#10339",
    ),
    Seen(
        *("azure", "gpt-35-turbo-16k", 400, "ServiceModelDeprecated"),
        "The model 'Format:OpenAI,Name:gpt-35-turbo-16k,Version:0613' has been deprecated since 04/30/2025 00:00:00.",
        *(NOTHING, "Azure-Samples/aks-store-demo#203: the answer to creating a deployment"),
    ),
    Seen(
        *("azure", "grok-4-fast-reasoning", None, "ServiceModelDeprecating"),
        "The model 'Format:xAI,Name:grok-4-fast-reasoning,Version:1' is in deprecating state and cannot be used for "
        "new deployments.",
        *(NOTHING, "microsoft/microsoft-foundry-for-vscode#557"),
    ),
)

OPENROUTER = (
    Seen(
        *("openrouter", "allenai/molmo-2-8b:free", None, None),
        "The free Molmo2 8B period has ended. To continue using this model, please migrate to the paid slug: "
        "allenai/molmo-2-8b",
        *(RETIRED, "anomalyco/models.dev#1248", "allenai/molmo-2-8b"),
    ),
    Seen(
        *("openrouter", "openai/gpt-oss-20b:free", None, None),
        "This model is unavailable for free. The paid version is available now - use this slug instead: "
        "openai/gpt-oss-20b",
        *(RETIRED, "sepandhaghighi/mytext#111", "openai/gpt-oss-20b"),
    ),
    Seen(
        *("openrouter", "stepfun/step-3.5-flash:free", 404, "404"),
        "No endpoints found for stepfun/step-3.5-flash:free.",
        *(AMBIGUOUS, "stepfun-ai/Step-3.5-Flash#45"),
    ),
    Seen(
        *("openrouter", "qwen/qwen3", 404, "404"),
        "No endpoints found that support tool use. To learn more about provider routing, visit: "
        "https://openrouter.ai/docs/provider-routing",
        *(NOTHING, "lastmile-ai/mcp-agent#237"),
    ),
    Seen(
        *("openrouter", "qwen/qwen3", 404, "404", "No endpoints found matching your data policy", NOTHING),
        "ShamanicArts/Flow.Launcher.Plugin.AI-Assistant#2",
    ),
    Seen(
        *("openrouter", "qwen/qwen3", 404, "404"),
        "No endpoints available matching your guardrail restrictions and data policy. Configure: "
        "https://openrouter.ai/settings/privacy",
        *(NOTHING, "truefoundry/models#826"),
    ),
    Seen(
        *("openrouter", "qwen/qwen3", 404, "404", "No allowed providers are available for the selected model."),
        *(NOTHING, "michelbr84/GarraRUST#1299"),
    ),
    Seen(
        *("openrouter", "google/gemini-2.0-pro-exp-02-05:free", 400, "400"),
        "google/gemini-2.0-pro-exp-02-05:free is not a valid model ID",
        *(NOT_FOUND, "maxnowack/anthropic-proxy#4"),
    ),
    Seen(
        *("openrouter", "openrouter/free", 400, "400", "free is not a valid model ID", NOTHING),
        "HKUDS/nanobot#847: a gateway cut the id",
    ),
    Seen("openrouter", "qwen/qwen3", 400, "400", "Provider returned error", NOTHING, "reVrost/go-openrouter#21"),
    Seen(
        *("openrouter", "qwen/qwen3", 402, "402", "Insufficient credits", NOTHING),
        "openrouter.ai, errors",
    ),
    Seen(
        *("openrouter", "qwen/qwen3", 503, "503"),
        "There is no available model provider that meets your routing requirements",
        *(NOTHING, "openrouter.ai, errors"),
    ),
)

GROQ = (
    Seen(
        *("groq", "llama-3.3-70b-specdec", 400, "model_decommissioned"),
        "The model `llama-3.3-70b-specdec` has been decommissioned and is no longer supported. Please refer to "
        "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.",
        *(RETIRED, "ItzCrazyKns/Vane#771"),
    ),
    Seen(
        *("groq", "llama-3.3-70b-specdec", 400, "model_decommissioned"),
        "The model llama-3.3-70b-specdec has been decommissioned and is no longer supported. Please refer to "
        "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.",
        *(RETIRED, "RightNow-AI/openfang#834"),
    ),
    Seen(
        *("groq", "llama-3.1-405b-reasoning", 404, _MISSING),
        "The model `llama-3.1-405b-reasoning` does not exist or you do not have access to it.",
        *(AMBIGUOUS, "lobehub/lobehub#3367"),
    ),
    Seen(
        *("groq", "llama-3.1-8b-instant", 403, None),
        "<!DOCTYPE html><html><head><title>Attention Required!</title></head><body>Sorry, you have been blocked",
        *(NOTHING, "wandb/openui#144"),
    ),
)

MISTRAL = (
    Seen(
        *("mistral", "pixtral-large-latest", 400, "invalid_model", "Invalid model: pixtral-large-latest", NOT_FOUND),
        "browser-use/browser-use#5673",
    ),
    Seen("mistral", "mistral-large", 400, "invalid_model", "Invalid model: ", NOTHING, "tmc/langchaingo#1233"),
    Seen(
        *("mistral", "mistral-vibe-cli-latest", 400, "invalid_model", "Invalid model: mistral-medium-3.5", NOTHING),
        "mistralai/mistral-vibe#617",
    ),
    Seen(
        *("mistral", "codestral-latest", None, _INVALID, "Service tier capacity exceeded for this model.", NOTHING),
        "continuedev/continue#6185",
    ),
    Seen("mistral", "mistral-large", 429, "1300", "Rate limit exceeded", NOTHING, "raycast/extensions#31107"),
    Seen("mistral", "codestral-latest", 401, None, "Unauthorized", NOTHING, "coolcline/CoolCline#36"),
    Seen("mistral", "mistral-large", 422, None, "Extra inputs are not permitted", NOTHING, "Gitlawb/openclaude#739"),
)

COHERE = (
    Seen(
        *("cohere", "command", 404, None),
        "model 'command' was removed on September 15, 2025. See https://docs.cohere.com/docs/models#command for a list "
        "of models you can use instead.",
        *(RETIRED, "pydantic/pydantic-ai#3201", None, "2025-09-15"),
    ),
    Seen(
        *("cohere", "embed-v1", 404, None),
        "model 'embed-v1' not found, make sure the correct model ID was used and that you have access to the model.",
        *(AMBIGUOUS, "MaartenGr/BERTopic#1864"),
    ),
    Seen(
        *("cohere", "embed-multilingual-light-v3.0", 404, None),
        "model 'packed-embed-multilingual-light-v3.0-bulkjob' not found, make sure the correct model ID was used and "
        "that you have access to the model.",
        *(NOTHING, "cohere-ai/cohere-python#590"),
    ),
    Seen(
        *("cohere", "embed-v1", None, None),
        "model not found, make sure the correct model ID was used and that you have access to the model.",
        *(AMBIGUOUS, "MaartenGr/KeyBERT#193"),
    ),
    Seen(
        *("cohere", "text-ada-001", 404, None, "model at 'text-ada-001' does not exist.", AMBIGUOUS),
        "diffbot/code-gpt-docs#43",
    ),
)

XAI = (
    Seen(
        *("xai", "grok-beta", None, None),
        "The model grok-beta was deprecated on 2025-09-15 and is no longer accessible via the API. "
        "Please use grok-3 instead.",
        *(RETIRED, "two public projects", "grok-3", "2025-09-15"),
    ),
    Seen(
        *("xai", "grok-beta", 404, "Some requested entity was not found"),
        "The model grok-beta does not exist or your team 0a1b-2c does not have access to it. Please ensure you're "
        "using the correct API key.",
        *(AMBIGUOUS, "yihong0618/bilingual_book_maker#464"),
    ),
    Seen(
        *("xai", "grok-2-latest", 400, "Client specified an invalid argument", "Model not found: grok-2-latest"),
        *(NOT_FOUND, "definableai/definable.ai#112"),
    ),
    Seen(
        *("xai", "grok-3", 404, "Some requested entity was not found"),
        "No handler found on route. Please double check your URL and consult https://api.x.ai/docs for details.",
        *(NOTHING, "iniwap/AIWriteX#26"),
    ),
    Seen(
        *("xai", "grok-3", 404, None),
        "The requested resource was not found. Please check the URL and try again. Documentation is available at "
        "https://docs.x.ai/",
        *(NOTHING, "aaif-goose/goose#4177"),
    ),
    Seen(
        *("xai", "grok-3", 410, None, "The endpoint /v1/messages is no longer available.", NOTHING),
        "danielmiessler/Fabric#1953",
    ),
)

DEEPSEEK = (
    Seen(
        *("deepseek", "deepseek-coder", 400, _INVALID, "Model Not Exist", AMBIGUOUS),
        "langbot-app/LangBot#1643: a padded id gets the same text, which does not contain it",
    ),
    Seen(
        *("deepseek", "deepseek-v4", 400, _INVALID),
        "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed deepseek-v4.",
        *(NOT_FOUND, "duanyytop/agents-radar#2311"),
    ),
)

TOGETHER = (
    Seen(
        *("together", "togethercomputer/evo-1-131k-base", 404, _MISSING),
        "Unable to access model togethercomputer/evo-1-131k-base. Please visit https://api.together.xyz to see the "
        "list of supported models or contact the owner to request access.",
        *(AMBIGUOUS, "evo-design/evo#14"),
    ),
    Seen(
        *("together", "meta/llama", 400, "model_not_available"),
        "Unable to access non-serverless model meta/llama. Please visit https://api.together.ai/models/meta/llama to "
        "create and start a new dedicated endpoint for the model.",
        *(NOTHING, "HeyPuter/puter#3168"),
    ),
    Seen(
        *("together", "meta/llama", 400, "dedicated_endpoint_not_running"),
        "The dedicated endpoint for meta/llama is not running. Please visit https://api.together.ai to start the "
        "endpoint.",
        *(NOTHING, "HeyPuter/puter#3168"),
    ),
)

NVIDIA = (
    Seen(
        *("nvidia", "z-ai/glm4.7", 410, None),
        "The model 'z-ai/glm4.7' has reached its end of life on 2026-05-14T00:00:00Z and is no longer available.",
        *(RETIRED, "capocasa/3code#2", None, "2026-05-14"),
    ),
    Seen(
        *("nvidia", "z-ai/glm4.7", 404, None, "Function '23d4f03a-0000': Not found for account 'account-1'", NOTHING),
        "Alishahryar1/free-claude-code#956",
    ),
    Seen(
        *("nvidia", "z-ai/glm4.7", 400, None, "Function id '23d4f03a-0000': DEGRADED function cannot be invoked"),
        *(NOTHING, "Alishahryar1/free-claude-code#1012"),
    ),
    Seen("nvidia", "z-ai/glm4.7", 404, None, "404 page not found", NOTHING, "Hmbown/Codewhale#1482"),
    Seen("nvidia", "z-ai/glm4.7", 403, None, "Authorization failed", NOTHING, "dmMaze/BallonsTranslator#1233"),
)

_PERMITTED = "Permitted models can be found in the documentation at https://docs.perplexity.ai/docs/model-cards."
PERPLEXITY = (
    Seen(
        *("perplexity", "llama-3-sonar-large-32k-online", 400, "invalid_model"),
        f"Invalid model 'llama-3-sonar-large-32k-online'. {_PERMITTED}",
        *(NOT_FOUND, "bhdicaire/visioStencils#3"),
    ),
    Seen(
        *("perplexity", "sonar-pro", 400, "invalid_model", f"Invalid model 'sonar-pro '. {_PERMITTED}", NOTHING),
        "perplexityai/api-discussion#262",
    ),
    Seen(
        *("perplexity", "sonar", 400, "invalid_model", f"Invalid model 'perplexity/sonar'. {_PERMITTED}", NOTHING),
        "BerriAI/litellm#37761",
    ),
)

HUGGING_FACE = (
    Seen(
        *("huggingface", "org/model:hf-inference", 410, None),
        "The requested model is deprecated and no longer supported by provider hf-inference",
        *(RETIRED, "symfony/ai#2327"),
    ),
    Seen(
        *("huggingface", "org/model", 410, None),
        "The requested model is deprecated and no longer supported by provider hf-inference",
        *(NOTHING, "symfony/ai#2327: other providers behind the router serve the model"),
    ),
    Seen(
        *("huggingface", "org/model", 410, None),
        "https://api-inference.huggingface.co is no longer supported. "
        "Please use https://router.huggingface.co instead.",
        *(NOTHING, "langchain4j/langchain4j#4146"),
    ),
    Seen(
        *("huggingface", "org/model", 400, "model_not_supported"),
        "The requested model 'org/model' is not supported by any provider you have enabled.",
        *(NOTHING, "cline/cline#5098"),
    ),
    Seen(
        *("huggingface", "org/model", None, None),
        "Model org/model is not supported for task text-generation and provider nebius. "
        "Supported task: conversational.",
        *(NOTHING, "barun-saha/slide-deck-ai#113"),
    ),
)

GITHUB = (
    Seen(
        *("github", "mistral-ai/mistral-large-2407", 400, "unknown_model"),
        "Unknown model: mistral-ai/mistral-large-2407",
        *(AMBIGUOUS, "github/gh-models#65"),
    ),
    Seen(
        *("github", "openai/gpt-4.1", 400, "unknown_model", "Unknown model: /gpt-4.1", NOTHING),
        "tonybaloney/llm-github-models#52",
    ),
    Seen("github", "openai/gpt-4.1", 400, None, "Unknown model", NOTHING, "tashfeenahmed/freellmapi#18"),
    Seen(
        *("github", "openai/gpt-4o", 403, None, "No access to model: openai/gpt-4o", NOTHING),
        "actions/ai-inference#95",
    ),
    Seen(
        *("github-copilot", "gpt-4o", 400, "model_not_supported", "The requested model is not supported.", NOTHING),
        "github/copilot-cli#418",
    ),
)

CLOUDFLARE = (
    Seen(
        *("cloudflare", "@cf/meta/llama-2-7b-chat-fp16", 410, "5028"),
        "AiError: Model has been deprecated: This model was deprecated on 2026-05-30. Please use an alternative model. "
        "(0a1b2c3d)",
        *(RETIRED, "sepandhaghighi/mytext#95", None, "2026-05-30"),
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-2-7b-chat-fp16", None, None),
        "AiError: 5028: This model was deprecated on 2026-05-30. Please use an alternative model.",
        *(RETIRED, "cloudflare/cloudflare-docs#32501", None, "2026-05-30"),
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-9", 400, "5007", "No such model @cf/meta/llama-9 or task", NOT_FOUND),
        "developers.cloudflare.com, errors",
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-9", 404, "3042", "The model name is invalid", AMBIGUOUS),
        "developers.cloudflare.com, errors",
    ),
    Seen(
        *("cloudflare", "moonshotai/kimi-k2.6", 404, "not_found_error", "Model not found: moonshotai/kimi-k2.6"),
        *(AMBIGUOUS, "Alishahryar1/free-claude-code#946"),
    ),
    Seen(
        *("cloudflare", "@cf/moonshotai/kimi-k2.6", 404, "not_found_error", "Model not found: moonshotai/kimi-k2.6"),
        *(NOTHING, "Alishahryar1/free-claude-code#946: the request lacked the prefix @cf/"),
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-3", 400, _INVALID),
        'AiError: Anthropic Messages API is not supported for model "@cf/meta/llama-3"',
        *(NOTHING, "Alishahryar1/free-claude-code#946"),
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-3", 403, "5018", "The account is not allowed to access this model", NOTHING),
        "developers.cloudflare.com, errors",
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-3", 429, "3040", "No more data centers to forward the request to", NOTHING),
        "developers.cloudflare.com, errors",
    ),
    Seen(
        *("cloudflare", "@cf/meta/llama-3", 404, "7003"),
        "Could not route to /accounts/x/ai/run, perhaps your object identifier is invalid?",
        *(NOTHING, "anomalyco/opencode#23773"),
    ),
)

LOCAL = (
    Seen(
        "ollama", "llama3", 404, "api_error", 'model "llama3" not found, try pulling it first', NOTHING, "ollama#2230"
    ),
    Seen("ollama", "llama3", 404, None, "model 'llama3' not found", NOTHING, "netease-youdao/QAnything#555"),
    Seen(
        *("ollama", "deepseek-v3.1:671b", 410, None),
        "deepseek-v3.1:671b was retired at 2026-07-15 00:00:00 -0700 PDT (ref: 1)",
        *(NOTHING, "the same text as in the cloud, from a local server"),
    ),
    Seen(
        *("ollama", "deepseek-v3.1:671b", 403, "permission_error"),
        "this model requires a subscription, upgrade for access: https://ollama.com/upgrade",
        *(NOTHING, "ollama/ollama#15990"),
    ),
    Seen(
        *("ollama", "llama3", 412, None, "The model you are attempting to pull requires a newer version of Ollama."),
        *(NOTHING, "termux/termux-packages#28027"),
    ),
    Seen("vllm", "qwen", 404, "NotFoundError", "The model `qwen` does not exist.", NOTHING, "vllm-project/vllm#3486"),
    Seen(
        *("lmstudio", "o4-mini", 404, _MISSING),
        "No models loaded. Please load a model in the developer page or use the `lms load` command.",
        *(NOTHING, "canopyai/Orpheus-TTS#229"),
    ),
    Seen(
        *("lmstudio", "o4-mini", 400, _MISSING),
        'Invalid model identifier "o4-mini". Please specify a valid downloaded model '
        "(e.g., llama-3, my-private-model).",
        *(NOTHING, "assafelovic/gpt-researcher#1556"),
    ),
)

OTHERS = (
    Seen(
        *("fireworks", "accounts/fireworks/models/kimi", 404, "NOT_FOUND"),
        "Model not found, inaccessible, and/or not deployed",
        *(AMBIGUOUS, "warpdotdev/warp#15107"),
    ),
    Seen(
        *("cerebras", "llama3.1-70b", 404, _MISSING, "Model does not exist or you do not have access to it."),
        *(AMBIGUOUS, "nminaya/grammar-nazi-bot#933"),
    ),
    Seen(
        *("ollama-cloud", "deepseek-v3.1:671b", 410, None),
        "deepseek-v3.1:671b was retired at 2026-07-15 00:00:00 -0700 PDT (ref: 1)",
        *(RETIRED, "nexu-io/open-design#5788", None, "2026-07-15"),
    ),
    Seen(
        *("zenmux", "x-ai/grok-4", 404, "invalid_model", "Model does not exist", AMBIGUOUS),
        "docs.zenmux.ai, error codes: contains no id",
    ),
    Seen(
        *("zenmux", "x-ai/grok-4", 400, "invalid_params", "Model x-ai/grok-4 is not valid", AMBIGUOUS),
        "docs.zenmux.ai, error codes",
    ),
    Seen(
        *("zenmux", "x-ai/grok-4", 404, "model_not_available", "Model not included in current subscription plan"),
        *(NOTHING, "docs.zenmux.ai, error codes"),
    ),
    Seen(
        *("zenmux", "google/gemini-3", 404, "404", "Requested model is not supported by vertex api", NOTHING),
        "lobehub/lobehub#10676",
    ),
    Seen(
        *("oci", "meta.llama-3.1-70b-instruct", 400, None),
        "Model meta.llama-3.1-70b-instruct 1.0.0 is retired",
        *(RETIRED, "oracle/ai-optimizer#263"),
    ),
    Seen(
        *("xiaomi", "mimo-v2-pro", 400, None, "Unsupported model mimo-v2-pro", NOTHING),
        "NousResearch/hermes-agent#88389: a provider without rules, and the same words for a limit of the plan",
    ),
    Seen(
        *("xiaomi", "mimo-v2-omni", 400, None, "Not supported model mimo-v2-omni", NOTHING),
        "anomalyco/models.dev#3058: a limit of the plan",
    ),
)

LITELLM = (
    Seen(
        *("anthropic", "claude-sonnet-4", 400, _INVALID),
        "/chat/completions: Invalid model name passed in model=claude-sonnet-4. Call `/v1/models` to view available "
        "models for your key.",
        *(NOTHING, "BerriAI/litellm#12061: a live model"),
    ),
    Seen(
        *("openai", "gpt-4o", 400, None),
        "litellm.BadRequestError: You passed in model=gpt-4o. There are no healthy deployments for this model. "
        "Received Model Group=gpt-4o\nAvailable Model Group Fallbacks=None",
        *(NOTHING, "docs.litellm.ai, error reference"),
    ),
    Seen(
        *("openai", "gpt-4o", 429, None),
        "No deployments available for selected model, Try again in 5 seconds. Passed model=gpt-4o.",
        *(NOTHING, "BerriAI/litellm#20867"),
    ),
    Seen("openai", "gpt-4o", 429, None, "No deployments available - crossed budget", NOTHING, "docs.litellm.ai"),
    Seen(
        *("openai", "gpt-4o", 401, None, "Not allowed to access model due to tags configuration", NOTHING),
        "docs.litellm.ai, error reference",
    ),
    Seen(
        *("openai", "gpt-4o", 403, "key_model_access_denied"),
        "key not allowed to access model. This key can only access models=['gpt-4']. Tried to access gpt-4o",
        *(NOTHING, "BerriAI/litellm#39660"),
    ),
    Seen(
        *("openai", "gpt-4o", None, None, "The requested model 'gpt-4o' is not available for this API key", NOTHING),
        "BerriAI/litellm#41852",
    ),
    Seen(
        *("openai", "gpt-4o", 429, "budget_exceeded"),
        "Budget has been exceeded! Key=1 Current cost: 0.06, Max budget: 0.05",
        *(NOTHING, "docs.litellm.ai, error reference"),
    ),
    Seen("openai", "gpt-4o", 404, None, '{"detail": "Not Found"}', NOTHING, "docs.litellm.ai, error reference"),
)

SEEN = (
    *(*OPENAI, *ANTHROPIC, *GOOGLE, *VERTEX, *BEDROCK, *AZURE, *OPENROUTER, *GROQ, *MISTRAL, *COHERE, *XAI, *DEEPSEEK),
    *(*TOGETHER, *NVIDIA, *PERPLEXITY, *HUGGING_FACE, *GITHUB, *CLOUDFLARE, *LOCAL, *OTHERS, *LITELLM),
)
