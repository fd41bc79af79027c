"""Events that nobody causes: each detector compares what there is with what was told, and tells the change.

A detector writes its events in the transaction of the state that they change: neither is without the other.
"""
