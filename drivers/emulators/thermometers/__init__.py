"""The device's side of each driver; a file's name is the driver's."""
