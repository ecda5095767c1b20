"""The surrogate: what is predicted of a network before it trains, from the trials so far."""
