"""The file formats that a user may rely on."""
