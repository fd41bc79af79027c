"""What leaves the service by itself: events to webhooks and to people, through the delivery engine."""
