"""The commands, one module each. A command parses its options, calls one action, and prints the result."""
