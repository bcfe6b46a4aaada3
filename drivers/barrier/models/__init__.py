"""One file for each kind of board; a file's name is the driver's."""
