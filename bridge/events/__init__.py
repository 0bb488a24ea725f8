"""Events as computation only: from an API's item to the bytes of a message. No I/O, no clock, no settings."""
