"""Services that the core writes to for a customer: who hosts the mail, and the calls that all share."""
