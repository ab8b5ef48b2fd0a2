"""Still pictures: read, painted whole or in tiles, and written."""
