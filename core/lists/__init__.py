"""Safelists, blocklists and sender rules: one store, at the tiers account, domain and user.

Which entry decides for a message is `core.engine.lists.decide`.
"""
