"""What a checkpoint is. Pure: no clock, no disk, no wire."""
