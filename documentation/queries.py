"""Example queries for the catalog; a test runs each on SQLite and PostgreSQL."""

QUERIES = (
    (
        "Active models with at least 100,000 tokens of context",
        "SELECT provider_id, model_id, context_window FROM models\n"
        "WHERE is_active AND context_window >= 100000\n"
        "ORDER BY provider_id, model_id",
    ),
    (
        "Models by provider and source",
        "SELECT provider_id, source, count(*) AS models, sum(CASE WHEN is_active THEN 1 ELSE 0 END) AS active\n"
        "FROM models GROUP BY provider_id, source ORDER BY provider_id, source",
    ),
    (
        "The cheapest models, by output price",
        "SELECT provider_id, model_id, input_price, output_price FROM models\n"
        "WHERE is_active AND output_price IS NOT NULL\n"
        "ORDER BY output_price, input_price LIMIT 20",
    ),
    (
        "Ghosts, latest first",
        "SELECT provider_id, model_id, deactivated_at, last_seen_at FROM models\n"
        "WHERE NOT is_active ORDER BY deactivated_at DESC",
    ),
    (
        "Models that work and are in no list",
        "SELECT m.provider_id, m.model_id, m.last_used_at FROM models m JOIN providers p ON p.id = m.provider_id\n"
        "WHERE m.last_used_at IS NOT NULL AND (m.last_listed_at IS NULL OR m.last_listed_at < p.last_complete_at)\n"
        "ORDER BY m.last_used_at DESC",
    ),
    (
        "Providers whose absences do not count, and why",
        "SELECT id, held_since, held_reason FROM providers WHERE held_since IS NOT NULL ORDER BY held_since",
    ),
    (
        "The last attempt of each provider",
        "SELECT l.provider_id, l.verdict, l.observed_at, l.reason FROM listings l\n"
        "WHERE l.id = (SELECT max(n.id) FROM listings n WHERE n.provider_id = l.provider_id)\n"
        "ORDER BY l.provider_id",
    ),
    (
        "Everything that happened to one model",
        "SELECT at, kind, source, listing_id, run_id, details FROM model_events\n"
        "WHERE provider_id = 'openai' AND model_id = 'gpt-4o' ORDER BY id",
    ),
    (
        "Events of each kind by day",
        "SELECT CAST(at AS DATE) AS day, kind, count(*) AS events FROM model_events\n"
        "GROUP BY CAST(at AS DATE), kind ORDER BY day DESC, kind",
    ),
    (
        "Models that expire soon",
        "SELECT provider_id, model_id, expires_at, last_used_at FROM models\n"
        "WHERE is_active AND expires_at IS NOT NULL ORDER BY expires_at",
    ),
)
"""Title -> SQL that runs on both databases."""
