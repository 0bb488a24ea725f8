"""`bridge check`: is all well before going live? Looks at everything that `bridge run` will need, and changes nothing.

    run        every check at its time, each within its bound
    nhn, broker, store, ops_port, …   one subject each: the edge looks, a pure function judges what was seen
    report     what was found, in a fixed order: a table for people, a document for programs

What a check sees becomes a Finding; only settings that cannot be right end the whole command (ConfigurationError).
"""
