"""What a domain says in the DNS, what it should say, and the writing of the difference.

Trouble of the DNS itself (SERVFAIL, REFUSED, time-out) is never a bad record: an answer says which it is.
"""
