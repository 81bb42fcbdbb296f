"""The journal of events: what came into a replica, in the order in which it came."""
