"""The oracle under faults: nothing acknowledged is lost, nothing is invented, nothing is altered, the books
balance.
"""
