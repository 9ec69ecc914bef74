"""The pages for people: one module each, with what it shows as a frozen value, and the endpoint that renders it.

A view is a plain function from a catalog and the state in the URL to that value. A template turns it into HTML; it
neither queries nor computes. Nothing of the state of a page is anywhere but in its URL.
"""

from fastapi import APIRouter

from ghost_pipeline.web.pages import (
    change_feed,
    departures,
    listing_details,
    model_details,
    model_list,
    overview,
    provider_pages,
)

router = APIRouter(include_in_schema=False)
PAGES = (overview, model_list, model_details, provider_pages, listing_details, change_feed, departures)
for page in PAGES:
    router.include_router(page.router)
