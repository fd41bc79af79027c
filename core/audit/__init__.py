"""What was changed, by whom: a chain of sealed entries per tenant, anchored outside the database."""
