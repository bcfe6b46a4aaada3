"""The protocol of records under search: both real ends in one process, and schedules of everything that goes wrong."""
