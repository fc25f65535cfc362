"""The source: a live server (Motor to look, PyMongo to read in bulk) or a mongodump folder."""
