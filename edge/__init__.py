"""The gate: one daemon, one lane machine per lane, one outbox, one screen."""
