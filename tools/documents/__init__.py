"""What an app's OpenAPI document says beyond its routes: a module for each app that has something to add."""
