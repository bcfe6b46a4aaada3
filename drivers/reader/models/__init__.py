"""One file for each kind of reader; a file's name is the driver's."""
