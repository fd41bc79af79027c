"""The same service spoken in the API of a vendor, one package each."""
