"""Hardware down to the bytes: cameras, decoders, thermometers, barriers, inputs, and their emulators."""
