"""What can be built: architectures, and the spaces they are drawn from. Plain Python."""
