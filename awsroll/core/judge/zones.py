"""Outages of one zone, which must not look like a bad version.

In a zone with enough servers, servers are compared with the others of their zone only. With fewer of them, the evidence
would grow too slowly: one new server of three is bad by chance in a third of the cases. So the whole fleet is compared,
and an interval in which servers of both versions are bad in one zone alone tells nothing against the version.
"""

from collections.abc import Collection, Sequence

from awsroll.core.model.evidence import Sample

LEAST_IN_ZONE = 8
"""From this number of servers in each zone, servers are compared with the others of their zone only."""


def is_by_zone(zones: Collection[int]) -> bool:
    """Return whether servers are compared within their zone.

    Args:
        zones: the number of servers of each zone.
    """
    return min(zones, default=0) >= LEAST_IN_ZONE


def is_outage_of_zone(bad: Sequence[Sample], samples: Sequence[Sample]) -> bool:
    """Return whether one zone alone has bad samples, and has them on servers of both versions.

    Args:
        bad: the bad samples.
        samples: all samples that are compared with each other.
    """
    zones = {sample.zone for sample in bad}
    if len({sample.is_new for sample in bad}) < len((True, False)) or len(zones) > 1:
        return False
    return len({sample.zone for sample in samples}) > 1
