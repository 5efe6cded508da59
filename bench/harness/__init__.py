"""What the measuring scripts share: connections, servers that are thrown away, load at an even pace, figures."""
