"""Where mail comes in: judged, relayed or held, released; nothing that was accepted is lost."""
