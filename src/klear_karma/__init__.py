"""A marketplace of wellness practitioners: search by place, free slots, bookings, messages and reviews."""

NAME = "klear-karma-api"
