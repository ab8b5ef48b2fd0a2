"""One module a command: it parses, builds a config, and calls one function. Heavy imports stand in the functions."""
