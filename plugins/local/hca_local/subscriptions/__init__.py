"""Subscriptions: who wants to be told of which events, what they are told, and the calls that tell them."""
