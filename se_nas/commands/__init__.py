"""The commands: each file or package joins all layers for one command."""
