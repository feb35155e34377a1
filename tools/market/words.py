"""Cities, names and offers for a mock market."""

from typing import NamedTuple


class City(NamedTuple):
    """A city: its centre, time zone, currency with a price factor, and the languages that are spoken there."""

    name: str
    country: str
    lat: float
    lng: float
    zone: str
    currency: str
    factor: float
    languages: tuple[str, ...]


class Offer(NamedTuple):
    """A specialisation with a service: minutes, and the price in cents of a euro."""

    specialization: str
    service: str
    minutes: int
    price: int


CITIES = (
    City("Berlin", "DE", 52.52, 13.405, "Europe/Berlin", "EUR", 1, ("de", "en")),
    City("München", "DE", 48.137, 11.575, "Europe/Berlin", "EUR", 1.2, ("de", "en")),
    City("Wien", "AT", 48.208, 16.373, "Europe/Vienna", "EUR", 1, ("de", "en")),
    City("Zürich", "CH", 47.377, 8.541, "Europe/Zurich", "CHF", 1.6, ("de", "fr", "en")),
    City("Paris", "FR", 48.857, 2.352, "Europe/Paris", "EUR", 1.1, ("fr", "en")),
    City("Madrid", "ES", 40.417, -3.703, "Europe/Madrid", "EUR", 0.8, ("es",)),
    City("Lisboa", "PT", 38.722, -9.139, "Europe/Lisbon", "EUR", 0.7, ("pt", "en")),
    City("London", "GB", 51.507, -0.128, "Europe/London", "GBP", 1, ("en",)),
    City("København", "DK", 55.676, 12.568, "Europe/Copenhagen", "DKK", 8, ("da", "en")),
    City("Kraków", "PL", 50.065, 19.945, "Europe/Warsaw", "PLN", 3, ("pl", "en")),
    City("İstanbul", "TR", 41.008, 28.978, "Europe/Istanbul", "TRY", 20, ("tr", "en")),
    City("New York", "US", 40.713, -74.006, "America/New_York", "USD", 1.7, ("en", "es")),
    City("Los Angeles", "US", 34.052, -118.244, "America/Los_Angeles", "USD", 1.6, ("en", "es")),
    City("Montréal", "CA", 45.502, -73.567, "America/Toronto", "CAD", 1.4, ("fr", "en")),
    City("Ciudad de México", "MX", 19.433, -99.133, "America/Mexico_City", "MXN", 10, ("es",)),
    City("São Paulo", "BR", -23.551, -46.633, "America/Sao_Paulo", "BRL", 3, ("pt",)),
    City("Santiago", "CL", -33.449, -70.669, "America/Santiago", "CLP", 8, ("es",)),
    City("東京", "JP", 35.676, 139.65, "Asia/Tokyo", "JPY", 1.3, ("ja", "en")),
    City("台北", "TW", 25.033, 121.565, "Asia/Taipei", "TWD", 20, ("zh", "en")),
    City("Mumbai", "IN", 19.076, 72.878, "Asia/Kolkata", "INR", 30, ("hi", "en")),
    City("Bangkok", "TH", 13.756, 100.502, "Asia/Bangkok", "THB", 15, ("th", "en")),
    City("Sydney", "AU", -33.869, 151.209, "Australia/Sydney", "AUD", 1.6, ("en",)),
    City("Auckland", "NZ", -36.848, 174.763, "Pacific/Auckland", "NZD", 1.5, ("en", "mi")),
    City("Suva", "FJ", -18.141, 178.441, "Pacific/Fiji", "FJD", 1, ("en", "fj")),
    City("Cape Town", "ZA", -33.925, 18.424, "Africa/Johannesburg", "ZAR", 12, ("en", "af")),
    City("Nairobi", "KE", -1.292, 36.822, "Africa/Nairobi", "KES", 60, ("en", "sw")),
    City("Tromsø", "NO", 69.649, 18.956, "Europe/Oslo", "NOK", 10, ("nb", "en")),
)
FIRST = [
    "Ada",
    "Aiko",
    "Amélie",
    "Anna",
    "Björn",
    "Chloé",
    "Daniel",
    "Elif",
    "Emma",
    "Fatima",
    "François",
    "Hannah",
    "Hiro",
    "Ines",
    "İbrahim",
    "Jana",
    "João",
    "José",
    "Kwame",
    "Lena",
    "Liam",
    "Łukasz",
    "Maja",
    "Marta",
    "Mei",
    "Mira",
    "Nadia",
    "Noah",
    "Olu",
    "Oskar",
    "Priya",
    "Rosa",
    "Sara",
    "Sofía",
    "Søren",
    "Tane",
    "Tomás",
    "Wei",
    "Yara",
    "Zoë",
]
LAST = [
    "Andersen",
    "Bakker",
    "Castro",
    "Dubois",
    "Eriksson",
    "Fischer",
    "García",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kaya",
    "Kim",
    "Kowalska",
    "Lindqvist",
    "Müller",
    "Nakamura",
    "Novák",
    "Okafor",
    "Øverland",
    "Patel",
    "Quispe",
    "Rossi",
    "Sato",
    "Schmidt",
    "Silva",
    "Strauß",
    "Tanaka",
    "Ueda",
    "Weiß",
    "Y\u0131lmaz",
    "Zhang",
]
OFFERS = (
    Offer("Reiki", "Reiki session", 60, 7_500),
    Offer("Breathwork", "Guided breathing", 45, 5_000),
    Offer("Massage", "Deep tissue massage", 90, 9_500),
    Offer("Massage", "Relaxing massage", 60, 7_000),
    Offer("Acupuncture", "Acupuncture", 45, 6_500),
    Offer("Yoga", "Private yoga lesson", 60, 6_000),
    Offer("Meditation", "Meditation for beginners", 30, 3_500),
    Offer("Sound healing", "Singing bowls", 60, 6_500),
    Offer("Shiatsu", "Shiatsu 指圧", 60, 8_000),
    Offer("Ayurveda", "Ayurvedic consultation", 60, 8_500),
    Offer("Nutrition", "Nutrition plan", 45, 5_500),
    Offer("Osteopathy", "Osteopathic treatment", 50, 9_000),
)
HEADLINES = (
    "Calm hands, clear mind",
    "Ten years of practice",
    "For body and breath",
    "Gentle and thorough",
    "In a quiet courtyard",
)
PRAISE = {
    5: ("Wonderful, I feel new.", "Very attentive. I will come again.", "The best hour of my week. 🙏"),
    4: ("Good session, a little late.", "Helpful and friendly.", "I slept well afterwards."),
    3: ("It was all right.", "Nice, but noisy street."),
    2: ("Not what I expected.", "Too short for the price."),
    1: ("I would not come again.",),
}
RATINGS = (5, 5, 5, 5, 5, 4, 4, 4, 3, 2, 1)
