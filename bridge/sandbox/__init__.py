"""The APIs that the bridge polls, simulated over HTTP, for people without credentials and for tests.

Only what stands in for somebody else's API may live here, one module an API; nothing of the bridge's own work.
"""
