"""What a filter selects, leaves undecided and puts first: as SQL on both databases and as Python, whatever the rows."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from operator import attrgetter
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings

from ghost_pipeline.catalog.claims.filling import STATED_ONLY, Filling, read_filling
from ghost_pipeline.catalog.claims.reference_rows import write_changes
from ghost_pipeline.catalog.filtering import matches, order_sql
from ghost_pipeline.catalog.queries import count_undecided, find_models, read_rows, read_sorted_rows
from ghost_pipeline.catalog.results import SORTABLE_COLUMNS, ModelFilter, ModelPlace
from ghost_pipeline.catalog.storage import text_index
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.repository import model_values
from ghost_pipeline.catalog.storage.tables import metadata, models, providers
from ghost_pipeline.lifecycle.claims.plausibility import ReferenceChanges, StatedClaim
from ghost_pipeline.lifecycle.claims.resolution import (
    ANSWERS,
    REFERENCE_FACTS,
    SOURCE_COLUMNS,
    Claim,
    is_reference,
    reference_source,
    resolve,
    stated_source,
    word_key,
)
from ghost_pipeline.lifecycle.identity import fold_case
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, FilledRecord, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.providers import format_of
from ghost_pipeline.references import REFERENCE_FORMATS
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place
from ghost_pipeline_tests.postgres import server

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SLUGS = ("groq", "mistral", "openai")
LETTERS = "aAkK\u212aüÜßẞσΣςİıǅéÉ%_*?[]^-/\\'\" 0Ω\u2126"

FEW_LETTERS = "aAkK\u212aéÉ%\"'"
"""So few that an index finds runs of three of them in other texts."""

texts = st.text(LETTERS, max_size=4) | st.text(FEW_LETTERS, max_size=8)
prices = st.none() | st.sampled_from([0.0, 0.1, 1.0, 2.5])
contexts = st.none() | st.sampled_from([1, 8_192, 10**15])
words = st.sampled_from(
    [None, (), ("json",), ("text",), ("json", "tools"), ("text", "vision"), ("json", "tools", "vision")]
)
ids = st.lists(texts.map(lambda text: text.replace(" ", "")).filter(bool), min_size=1, max_size=3).map(
    lambda several: " ".join(sorted(set(several)))
)
instants = st.sampled_from([NOW - timedelta(days=days) for days in (0, 1, 400_000)])


@st.composite
def records(draw: st.DrawFn) -> list[ModelRecord]:
    rows = []
    for number in range(draw(st.integers(0, 20))):
        deactivated_at = draw(st.none() | instants)
        rows.append(
            ModelRecord(
                provider_id=draw(st.sampled_from(SLUGS)),
                model_id=f"{draw(texts)}{number}",
                source=draw(st.sampled_from(Source)),
                is_active=deactivated_at is None,
                first_seen_at=draw(instants),
                last_seen_at=draw(instants),
                deactivated_at=deactivated_at,
                name=draw(st.none() | texts),
                replaced_by=draw(st.none() | texts),
                aliases=draw(st.none() | ids),
                expires_at=draw(st.none() | instants),
                refused_since=draw(st.none() | instants),
                context_window=draw(contexts),
                input_price=draw(prices),
                output_price=draw(prices),
                capabilities=draw(words),
            )
        )
    return rows


conditions: dict[str, st.SearchStrategy[Any]] = {
    "provider_ids": st.lists(st.sampled_from(SLUGS), min_size=1, max_size=2),
    "is_active": st.booleans(),
    "is_free": st.booleans(),
    "is_cost_unknown": st.just(True),
    "is_retiring": st.just(True),
    "capabilities": st.sampled_from([["json"], ["tools"], ["vision"], ["json", "tools"], ["tools", "vision"]]),
    "source": st.sampled_from(Source),
    "search": st.text(LETTERS, min_size=1, max_size=2) | st.text(FEW_LETTERS, min_size=3, max_size=5),
    "is_refused": st.booleans(),
    "min_context_window": st.sampled_from([1, 8_192, 8_193]),
    "max_input_price": st.sampled_from([0.0, 0.1, 1.0]),
    "max_output_price": st.sampled_from([0.0, 0.1, 1.0]),
}
orders = st.none() | st.builds("{}{}".format, st.sampled_from(["", "-"]), st.sampled_from(SORTABLE_COLUMNS))


@st.composite
def filters(draw: st.DrawFn) -> list[ModelFilter]:
    """Generate a filter on each condition alone, and one on up to three: few models meet many."""
    values = draw(st.fixed_dictionaries(conditions))
    several = draw(st.lists(st.sampled_from(sorted(conditions)), max_size=3, unique=True))
    limit = draw(st.none() | st.integers(1, 12))
    return [
        ModelFilter(
            **{"is_active": None, **{name: values[name] for name in names}},
            sort=draw(orders),
            limit=limit if names is several else None,
        )
        for names in (several, *([name] for name in conditions))
    ]


EVERY_LETTER = [
    ModelRecord("groq", f"0{first}{second}0", Source.INDEX, True, NOW, NOW, replaced_by=second if first > "a" else None)
    for first, second in product(LETTERS.strip(), LETTERS.strip())
]


def decide(wanted: ModelFilter, model: ModelRecord) -> bool | None:
    """Return whether the filter selects the model, in other words than the catalog's; None if a fact is unknown."""
    free, context, words = model.is_free, model.context_window, model.capabilities
    answers: list[bool | None] = [
        not wanted.provider_ids or model.provider_id in wanted.provider_ids,
        wanted.source in (None, model.source),
        wanted.is_active in (None, model.is_active),
        not wanted.is_cost_unknown or free is None,
        not wanted.is_retiring or model.expires_at is not None,
        wanted.is_refused in (None, model.refused_since is not None),
        wanted.search is None
        or any(
            contains(text, wanted.search)
            for text in (model.model_id, model.name or "", *(model.aliases or "").split(" "))
        ),
    ]
    if wanted.is_free is not None:
        answers.append(None if free is None else free is wanted.is_free)
    if wanted.min_context_window is not None:
        answers.append(None if context is None else context >= wanted.min_context_window)
    if wanted.max_input_price is not None:
        answers.append(None if model.input_price is None else model.input_price <= wanted.max_input_price)
    if wanted.max_output_price is not None:
        answers.append(None if model.output_price is None else model.output_price <= wanted.max_output_price)
    answers += [None if words is None else word in words for word in wanted.capabilities]
    if False in answers:
        return False
    return None if None in answers else True


def contains(text: str, part: str) -> bool:
    """Return True if the part is in the text, where letters are equal that are each other's capital and small one."""
    places = range(len(text) - len(part) + 1)
    return any(all(map(is_same_letter, text[begin : begin + len(part)], part)) for begin in places)


def is_same_letter(one: str, other: str) -> bool:
    return one == other or (one.lower(), other.upper()) == (other, one) or (one.upper(), other.lower()) == (other, one)


@pytest.fixture(scope="module", params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    place = new_place(request.param, tmp_path_factory.mktemp("filters"), is_migrated=False)
    database = place.database()
    metadata.create_all(database.engine)
    with database.writing() as connection:
        text_index.ensure(connection)
    yield database
    database.close()
    place.remove()


def in_order(wanted: ModelFilter, found: list[ModelRecord]) -> list[ModelRecord]:
    """Return the models by the filter's column, unknown values last and ties by provider and id, up to its limit."""
    ordered = sorted(found, key=lambda model: (model.provider_id, model.model_id))
    name = wanted.sort_column
    if name is not None:
        known = [model for model in ordered if getattr(model, name) is not None]
        unknown = [model for model in ordered if getattr(model, name) is None]
        ordered = sorted(known, key=attrgetter(name), reverse=wanted.is_descending) + unknown
    return ordered[: wanted.limit]


SEARCHES = [ModelFilter(search=text) for text in ("k", "ß", "ü", "Σ[", "^é", "]ü", "*ü", "?ü", "ς", "%", "_/", "\\")]
SEARCHES += [
    ModelFilter(search=text) for text in ("0%_", "0\"'", "0aK", "0A\u212a", "k0", "0k0", "0kk0", "0éÉ", '0 "0')
]
ORDERS = [ModelFilter(sort="-replaced_by"), ModelFilter(sort="model_id")]


@settings(max_examples=40)
@given(records(), filters())
@example(EVERY_LETTER, SEARCHES)
@example(EVERY_LETTER, ORDERS)
def test_sql_selects_counts_and_sorts_as_python_does(
    database: Database, rows: list[ModelRecord], every_wanted: list[ModelFilter]
) -> None:
    with filled(database, rows) as connection:
        for wanted in every_wanted:
            check(connection, rows, wanted)


@contextmanager
def filled(database: Database, rows: list[ModelRecord]) -> Iterator[sa.Connection]:
    """Put models into the catalog for the block."""
    with database.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(sa.insert(providers), [{"id": slug, "label": slug} for slug in SLUGS])
        if rows:
            connection.execute(sa.insert(models), [model_values(row) for row in rows])
        yield connection
        transaction.rollback()


def test_the_locale_of_the_server_changes_no_search_and_no_order() -> None:
    url = server().new_url_in_unicode_locale()
    with closing(Database(url)) as database:
        metadata.create_all(database.engine)
        # The ids' own collation is "C", the names have the server's.
        rows = [
            msgspec.structs.replace(row, model_id=str(number), name=row.model_id)
            for number, row in enumerate(EVERY_LETTER)
        ]
        with filled(database, rows) as connection:
            lowered = connection.execute(sa.select(sa.func.lower("\u212a"))).scalar()
            assert lowered == "k", "the letter that this locale folds and SQLite does not"
            for wanted in (*SEARCHES, *ORDERS):
                check(connection, rows, wanted)
    server().drop(url)


@pytest.mark.parametrize("sort", ["name", "-name", "replaced_by"])
def test_postgresql_sorts_text_by_code_point(sort: str) -> None:
    """No other order comes with the tests' own server, so the plan shows what the order is."""
    url = server().new_url(is_migrated=True)
    with closing(Database(url)) as database, database.reading() as connection:
        query = sa.select(models.c.id).order_by(*order_sql(ModelFilter(sort=sort), "postgresql"))
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = "\n".join(connection.scalars(sa.text(f"EXPLAIN (VERBOSE) {text}")))
    server().drop(url)
    [order] = [line for line in plan.splitlines() if "Sort Key" in line]
    assert f'((models.{sort.removeprefix("-")})::text) COLLATE "C"' in order


def check(
    connection: sa.Connection, rows: list[ModelRecord], wanted: ModelFilter, filling: Filling = STATED_ONLY
) -> None:
    """Compare what the filter selects, leaves undecided and puts first with ``decide``."""
    decided = [decide(wanted, row) for row in rows]
    expected = in_order(wanted, [row for row, is_selected in zip(rows, decided, strict=True) if is_selected])
    numbers = read_sorted_rows(connection, wanted, None, filling)
    columns = ("provider_id", "model_id", *REFERENCE_FACTS, *SOURCE_COLUMNS)
    read = read_rows(connection, columns, numbers, filling)
    assert [matches(wanted, row) for row in rows] == decided
    assert find_models(connection, wanted, filling=filling) == expected
    assert [list(row)[:-1] for row in read] == [list_columns_of(row) for row in expected]
    assert count_undecided(connection, wanted, filling=filling) == decided.count(None)
    half = len(expected) // 2
    if half:
        last = expected[half - 1]
        value = None if wanted.sort_column is None else getattr(last, wanted.sort_column)
        after = ModelPlace(last.provider_id, last.model_id, value)
        rest = find_models(connection, replace(wanted, limit=None), None, after, filling)
        assert rest[: len(expected) - half] == expected[half:]


def list_columns_of(row: ModelRecord) -> list[Any]:
    """Return what ``check`` reads of a model."""
    facts = [getattr(row, fact) for fact in REFERENCE_FACTS]
    sources = [stated_source(row, fact) for fact in REFERENCE_FACTS]
    return [row.provider_id, row.model_id, *(list(one) if isinstance(one, tuple) else one for one in facts), *sources]


Stated = dict[str, dict[int, dict[str, Any]]]
"""Reference -> number of a model -> fact -> what the reference states."""

stated_by_references: st.SearchStrategy[Stated] = st.dictionaries(
    st.sampled_from([ANSWERS, *sorted(REFERENCE_FORMATS)]),
    st.dictionaries(
        st.integers(0, 19),
        st.fixed_dictionaries(
            {},
            optional={
                "name": texts.filter(bool),
                "context_window": contexts.filter(bool),
                "max_output_tokens": st.just(64),
                "input_price": prices.filter(lambda price: price is not None),
                "output_price": prices.filter(lambda price: price is not None),
                "capabilities": words.filter(lambda one: one is not None),
                "aliases": ids,
            },
        ),
    ),
)


KNOWN_WORDS = [
    ModelRecord(slug, f"{number}", source, True, NOW, NOW, capabilities=stated)
    for number, (slug, source, stated) in enumerate(
        product(("groq", "mistral"), Source, (None, (), ("json",), ("json", "tools")))
    )
] + [
    ModelRecord(
        "groq", "an operator's", Source.INDEX, True, NOW, NOW, capabilities=("text",), manual_facts="capabilities"
    )
]
"""Mistral's listings decide tools and vision, Groq's nothing; an operator decides everything."""

WORDS_OF_REFERENCES: Stated = {
    "litellm": {number: {"capabilities": ("json", "tools")} for number in range(len(KNOWN_WORDS))},
    "models-dev": {number: {"capabilities": ("streaming", "vision")} for number in range(0, len(KNOWN_WORDS), 3)},
}
KNOWN_IDS = [
    ModelRecord("groq", f"{number}", Source.INDEX, True, NOW, NOW, aliases=aliases)
    for number, aliases in enumerate((None, None, "a/b", "a/b", 'x"\\y', "é_%"))
]
IDS_OF_REFERENCES: Stated = {
    ANSWERS: {number: {"aliases": "c-2024"} for number in (1, 2, 4)},
    "litellm": {number: {"aliases": "a/b z"} for number in (0, 2, 3)},
    "models-dev": {number: {"aliases": "B/c z"} for number in (0, 1, 3, 5)},
}
BY_ID = [ModelFilter(is_active=None, search=text) for text in ("a/b", "b/C", "2024", 'x"\\', "É_%", "b z")]
BY_WORD = [ModelFilter(is_active=None, capabilities=[word]) for word in ("json", "streaming", "tools", "vision")]


@settings(max_examples=10)
@example(KNOWN_WORDS, BY_WORD, WORDS_OF_REFERENCES, sorted(REFERENCE_FORMATS))
@example(KNOWN_IDS, BY_ID, IDS_OF_REFERENCES, sorted(REFERENCE_FORMATS))
@given(records(), filters(), stated_by_references, st.permutations(sorted(REFERENCE_FORMATS)))
def test_sql_fills_the_gaps_of_models_as_python_does(
    database: Database, rows: list[ModelRecord], every_wanted: list[ModelFilter], stated: Stated, order: list[str]
) -> None:
    with filled(database, rows) as connection:
        claims: dict[tuple[str, str], list[Claim]] = {}
        for reference, facts_by_number in stated.items():
            for number, facts in facts_by_number.items():
                key = (rows[number].provider_id, rows[number].model_id) if number < len(rows) else ("groq", "unknown")
                claims.setdefault(key, []).extend(
                    Claim(fact, value, reference_source(reference))
                    for fact, value in facts.items()
                    if reference != ANSWERS or fact == "aliases"
                )
            keep_claims(connection, reference, claims)
        with_gaps_filled = [fill(row, claims.get((row.provider_id, row.model_id), []), order) for row in rows]
        names = {claim.value for found in claims.values() for claim in found if claim.fact == "name"}
        names |= {
            name for found in claims.values() for one in found if one.fact == "aliases" for name in one.value.split()
        }
        by_name = [ModelFilter(is_active=None, search=name) for name in sorted(names)]
        by_name.append(ModelFilter(is_active=None, sort="-aliases"))
        for wanted in (*every_wanted, *by_name):
            resolved = replace(wanted, is_stated_only=False)
            check(connection, with_gaps_filled, resolved, read_filling(connection, resolved, order))
        everything = ModelFilter(is_active=None)
        assert read_filling(connection, everything, order) is STATED_ONLY


def keep_claims(connection: sa.Connection, reference: str, claims: dict[tuple[str, str], list[Claim]]) -> None:
    """Store the claims of one reference as an import does."""
    stated = {
        (*key, claim.fact): StatedClaim(claim.value, NOW, "0" * 64)
        for key, found in claims.items()
        for claim in found
        if claim.source == reference_source(reference)
    }
    write_changes(connection, reference, ReferenceChanges(added=stated))


def fill(row: ModelRecord, claims: list[Claim], order: list[str]) -> ModelRecord:
    """Return the model as the rule of ``resolve`` fills it."""
    own = []
    for fact in REFERENCE_FACTS:
        value, source = getattr(row, fact), stated_source(row, fact)
        if value is not None and source is not None:
            is_decided = fact == "capabilities" and source == "listing"
            decided = format_of(row.provider_id).decided_capabilities if is_decided else ()
            own.append(Claim(fact, value, source, decided_words=decided))
    own_ids = (row.aliases or "").split()
    winners: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for fact, one in resolve(own + claims, order).items():
        if fact == "capabilities":
            of_words = one.word_sources or dict.fromkeys(one.value, one.source)
            added = {word_key(word): source for word, source in of_words.items() if is_reference(source)}
        elif fact == "aliases":
            of_ids = one.word_sources or dict.fromkeys(one.value.split(), one.source)
            added = {f"aliases.{name}": source for name, source in of_ids.items() if name not in own_ids}
        else:
            added = {fact: one.source} if is_reference(one.source) else {}
        if added:
            winners[fact] = one.value
            sources |= added
    if not winners:
        return row
    known = {name: getattr(row, name) for name in MODEL_FIELDS} | winners
    return FilledRecord(**known, facts_from_references=sources)


@pytest.mark.parametrize(
    ("wanted", "is_selected"),
    [
        (ModelFilter(min_context_window=8_192), True),
        (ModelFilter(min_context_window=8_193), False),
        (ModelFilter(max_input_price=0.5), True),
        (ModelFilter(max_input_price=0.49), False),
        (ModelFilter(max_output_price=2.0), True),
        (ModelFilter(max_output_price=1.99), False),
    ],
)
def test_limits_include_their_own_value(wanted: ModelFilter, is_selected: bool) -> None:
    model = ModelRecord(
        "groq", "one", Source.INDEX, True, NOW, NOW, context_window=8_192, input_price=0.5, output_price=2.0
    )
    assert matches(wanted, model) is is_selected


@given(st.text())
def test_folding_keeps_the_length_and_folds_what_it_folded_no_further(text: str) -> None:
    assert len(fold_case(text)) == len(text)
    assert fold_case(fold_case(text)) == fold_case(text)


@pytest.mark.parametrize(
    ("text", "folded"), [("GPT-4o", "gpt-4o"), ("MÜLLER", "müller"), ("ΣΑΣ", "σασ"), ("İ\u212aẞ", "İ\u212aẞ")]
)
def test_letters_are_folded_in_pairs_of_one_letter_each(text: str, folded: str) -> None:
    assert fold_case(text) == folded
