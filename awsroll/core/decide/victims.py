"""Orders the candidates of a view by `leaving_order`."""

from collections.abc import Iterable

from awsroll.core.classify.view import View
from awsroll.core.decide.leaving_order import leaving_order
from awsroll.core.model.observation import Instance


def order(view: View, candidates: Iterable[Instance]) -> tuple[Instance, ...]:
    """Return the candidates in the order in which they leave."""
    waiting = tuple(candidates)
    in_service = {instance.instance_id for instance in waiting if view.is_in_service(instance)}
    live = (instance for instance in view.live if not view.is_taken_out(instance))
    return leaving_order(waiting, in_service=in_service, live=live)
