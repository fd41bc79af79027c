"""Reads a message and judges it: pure functions, no I/O, no clock."""
