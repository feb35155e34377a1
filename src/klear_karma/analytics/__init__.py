"""Analytics: searches, profile views, bookings and cancellations per day."""
