"""MXroute Manager's API: mailboxes, forwarding, DNS and spam lists of many domains."""
