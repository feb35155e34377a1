"""Search for practitioners: places, words, filters, and pages of answers."""
