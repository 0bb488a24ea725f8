"""Measures the bridge at its full size: `make scale`."""
