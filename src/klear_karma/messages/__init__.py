"""Messages between a customer and a practitioner."""
