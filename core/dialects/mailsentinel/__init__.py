"""MailSentinel's API (api.mailsentinel.io): mail authentication of domains, watched."""
