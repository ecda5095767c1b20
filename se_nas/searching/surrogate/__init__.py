"""The surrogate: it predicts the results of a network before it trains, from the trials so far."""
