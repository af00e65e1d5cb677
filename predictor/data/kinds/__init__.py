"""Lengths of many kinds of traffic beside CASTILLO: chat, essays, agents, tools, reasoning."""
