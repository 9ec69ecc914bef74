"""What a gateway imports: saying that a model answered.

``track_successful_inference`` writes at once, for scripts. ``DiscoveryTracker`` is for hot paths: a call only notes the
sighting in memory, and a thread writes what was noted, one sighting a model, however many calls there were.
"""

from ghost_pipeline.client.direct import track_successful_inference
from ghost_pipeline.client.tracker import DiscoveryTracker

__all__ = ["DiscoveryTracker", "track_successful_inference"]
