"""MailGuard's own API and webhooks over the filter service."""
