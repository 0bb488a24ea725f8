"""What lies in the parked queue: looked at, released to where it should have gone, discarded (product.md §5).

    message    what a parked message says of itself, and what it is when it is released; pure
    work       look, release, discard: over the ports Inbox and Session

Looking takes messages into its hands and lets them go again; only what is confirmed elsewhere, or discarded, is
acknowledged.
"""
