"""Workers that answer the same requests, compared in real workerd."""
