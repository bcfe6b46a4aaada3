"""Where the collector keeps what gates sent: the interface, and SQLite behind it."""
