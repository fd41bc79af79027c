"""MxGuard's API (app.mxguard.uk): version 1 whole, and of what is announced what the service has already."""
