"""The whole system on one machine, with two accidents in its middle and a proof at its end.

Needs the `sandbox` extra. Starts no broker: it is given the URL of one.
"""
