"""The processes of an Auto Scaling group without which no rollout can go on: a suspended one is refused or pauses it.

Without `Launch`, no replacement comes and no member leaves standby. Without `AddToLoadBalancer`, a new member is never
registered, also not later. Without `Terminate`, the group keeps the members that it should end.
"""

NEEDED_PROCESSES = ("AddToLoadBalancer", "Launch", "Terminate")
