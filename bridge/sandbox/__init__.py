"""The APIs that the bridge polls, simulated over HTTP, for people without credentials and for tests.

Only what stands in for somebody else's API may live here; nothing of the bridge's own work. NHN's modules lie beside
what both share (faults, misbehaviour, supply), Altinn's in `altinn`, the issuers' in `sign_in`.
"""
