"""AsyncAPI's own schemas of its documents (npm's @asyncapi/specs)."""
