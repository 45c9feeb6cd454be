"""The featkit command: parse, call one workflow, print."""
