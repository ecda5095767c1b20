"""The commands: each file or room joins all layers for one command."""
