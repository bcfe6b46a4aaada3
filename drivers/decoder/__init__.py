"""QR codes out of pictures: what a code says, to the byte, and where it is."""
