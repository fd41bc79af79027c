"""What a source or a connector may import: contracts, options, verification, polling, HTTP, test kit."""
