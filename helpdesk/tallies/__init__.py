"""What service was given to tickets and calls: folded, counted by day, and read as reports."""
