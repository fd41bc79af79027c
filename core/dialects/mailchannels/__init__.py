"""MailChannels Inbound's API over the service's data."""
