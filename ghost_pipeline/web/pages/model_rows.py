"""The rows of the list of models.

They are most of its page, so they are made here and not by a template, which takes four times as long for them. Every
value that is not a number or a word of our own goes through ``formatting`` or ``escape``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from markupsafe import Markup

from ghost_pipeline.catalog.browsing.selection import SelectedModel
from ghost_pipeline.web.formatting import (
    UNKNOWN,
    copy_button,
    format_number,
    ghost_warning,
    model_link,
    provider_link,
    refusal_warning,
    shorten_text,
    time_element,
)

REFERENCES_NOTE = "of-references"
"""The id of the note about facts of references on the page."""

_MOST_READ = 100
"""Characters of an id that a screen reader reads as the name of its button."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A line of the list."""

    model: SelectedModel
    purge_at: datetime | None
    """When the purge sweep takes a ghost; None for an active model, and if no sweep does."""
    filled: Mapping[str, str]
    """Fact -> the references that fill it."""


def table_rows(rows: Iterable[ModelRow], now: datetime, root: str) -> Markup:
    """Return the rows of the table, where the pages are below the path ``root``."""
    return Markup("".join([_table_row(row, now, root) for row in rows]))


def _table_row(row: ModelRow, now: datetime, root: str) -> str:
    model = row.model
    class_of_row = "" if model.is_active else ' class="ghost"'
    link = model_link(root, model.provider_id, model.model_id)
    button = copy_button(model.model_id, f"Copy the id {model.model_id[:_MOST_READ]}")
    return (
        f"<tr{class_of_row}>\n"
        f'<th scope="row"><span class="id">{link}{button}</span>\n'
        f'<span class="sub">{provider_link(root, model.provider_id)}{_name(model)}{_end(model, now)}</span></th>\n'
        f"<td>{_state(row, now)}</td>\n"
        f'<td class="wide">{model.source.value}</td>\n'
        f'<td class="number middle">{format_number(model.context_window)}{_filled_by(row, "context_window")}</td>\n'
        f'<td class="number">{_input_price(model)}{_filled_by(row, "input_price")}</td>\n'
        f'<td class="number">{format_number(model.output_price)}{_filled_by(row, "output_price")}</td>\n'
        f'<td class="wide">{_capabilities(model)}{_filled_by(row, "capabilities")}</td>\n'
        f'<td class="middle">{time_element(model.last_seen_at, now)}</td>\n'
        "</tr>\n"
    )


def _name(model: SelectedModel) -> str:
    return f" · {shorten_text(model.name)}" if model.name and model.name != model.model_id else ""


def _end(model: SelectedModel, now: datetime) -> str:
    if model.expires_at is None:
        return ""
    verb = "retired" if model.expires_at < now else "retires"
    return f' · <span class="warning">{verb} {time_element(model.expires_at, now)}</span>'


def _state(row: ModelRow, now: datetime) -> str:
    model = row.model
    if model.is_active:
        state = '<span class="state active">active</span>'
    else:
        state = f'<span class="state">ghost</span> {ghost_warning(model.last_seen_at, row.purge_at, now)}'
    if model.refused_since is None:
        return state
    return f"{state} {refusal_warning(model.refused_since, model.refusal_reason, now)}"


def _input_price(model: SelectedModel) -> str:
    return "free" if model.is_free and model.input_price is None else format_number(model.input_price)


def _capabilities(model: SelectedModel) -> str:
    return UNKNOWN if model.capabilities is None else escape(", ".join(model.capabilities))


def _filled_by(row: ModelRow, fact: str) -> str:
    if fact not in row.filled:
        return ""
    name = escape(row.filled[fact])
    return f' <a class="quiet" href="#{REFERENCES_NOTE}" title="from {name}">{name}</a>'
