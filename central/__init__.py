"""The collector: takes records, counts them per grid, calls people, publishes summaries."""
