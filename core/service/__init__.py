"""What changes state: each use case is one transaction over the store, its events included."""
