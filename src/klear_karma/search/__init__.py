"""Search for practitioners: places, words, filters, and pages of results."""
