"""The OpenAPI document, written when the project is built."""
