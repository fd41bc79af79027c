"""Lists in pages: by signed cursors without an upper bound, or by number where a collection is small."""
