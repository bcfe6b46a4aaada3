"""One file for each family of thermometers; a file's name is the driver's."""
