"""The community's posts and announcements, each so many days old."""

POSTS = (
    (
        2,
        "post-sponsor",
        "How to become a sponsor",
        "how-to-become-a-sponsor",
        "person-noor",
        ("sponsors", "community"),
        "What sponsoring costs, what you get, and what you do not get.",
        (
            "There are three tiers. Community sponsors give goods or rooms. Silver costs 1,500 EUR a year, gold "
            "4,000 EUR.",
            "To become a sponsor, write to sponsors@edge-collective.example with your company's name and the tier. "
            "Noor answers within a week and sends a contract of one page.",
            "Sponsors are named on the website and at the start of each evening. They do not get a talk, and never the "
            "addresses of our members.",
        ),
    ),
    (
        9,
        "post-conduct",
        "Our code of conduct, explained",
        "code-of-conduct",
        "person-zoe",
        ("community", "conduct"),
        "The rules in short, and what happens when you report something.",
        (
            "Be kind, be patient, and take «no» for an answer. Harassment of any kind, online or at a venue, is not "
            "tolerated, whoever it comes from.",
            "Report an incident to conduct@edge-collective.example or to anyone with a green badge. Two people read "
            "the report, neither of them involved, and you get an answer within 48 hours.",
            "Consequences go from a talk to an exclusion from all events. Reports stay confidential.",
        ),
    ),
    (
        16,
        "post-places",
        "Where our meetups take place",
        "where-meetups-take-place",
        "person-ada",
        ("community", "meetup"),
        "Berlin, New York, Lisbon and online: places, days and doors.",
        (
            "In Berlin we meet on the second Thursday of each month in the canteen of Kiln & Söhne, Oranienstraße 185. "
            "In New York it is the Harbour Library, 12 Water Street, every other month.",
            "Workshops take place at Casa do Código in Lisbon. Everything that can be streamed is streamed.",
        ),
    ),
    (
        23,
        "post-accessibility",
        "Accessibility at our events",
        "accessibility",
        "person-mikkel",
        ("community", "accessibility"),
        "Step-free venues, captions, a quiet room, and whom to ask.",
        (
            "All our venues are step-free and have an accessible toilet. Live captions are on the screen and on your "
            "phone. Edge Day has a quiet room and childcare.",
            "If you need something else, such as sign language or a seat near the door, write to "
            "access@edge-collective.example two weeks before. Assistants come in free of charge.",
        ),
    ),
    (
        40,
        "post-speaking",
        "Give a talk with us",
        "give-a-talk",
        "person-grace",
        ("speaking", "mentoring"),
        "We look for talks of 20 or 40 minutes, and we help you prepare.",
        (
            "Send two paragraphs to talks@edge-collective.example: what people will know afterwards, and how. A "
            "first talk gets a mentor, if you want one.",
            "We pay for trains up to 200 EUR, and for a room if you come from afar.",
        ),
    ),
    (
        61,
        "post-cold-starts",
        "What a cold start is made of",
        "cold-starts",
        "person-lukasz",
        ("python", "webassembly", "performance"),
        "We measured where 900 milliseconds go, and got rid of 700.",
        (
            "Most of it was importing. A snapshot of the memory after the imports removes it, if nothing is read or "
            "drawn at random while importing.",
            "The rest is a table in the slides; the code is in Tidewatch.",
        ),
    ),
    (
        88,
        "post-grebe",
        "Grebe 1.0: a queue in one file",
        "grebe-1-0",
        "person-ines",
        ("sqlite", "queues", "release"),
        "Two years of small changes make a stable format.",
        (
            "From now on a file that Grebe has written can be read by all later versions. The limit is 900 messages a "
            "second on a laptop from 2019.",
        ),
    ),
    (
        130,
        "post-guest",
        "A guest's view: thirty people and a whiteboard",
        "guests-view",
        None,
        ("community",),
        "Somebody who wants to stay unnamed came to Berlin and wrote about it.",
        ("I came for the pizza and left with two new friends and a bug report.",),
    ),
    (
        12,
        "post-notes",
        "Notes without an address",
        None,
        "person-zoe",
        ("draft-ish",),
        "A post that nobody has given a slug.",
        ("It must not be on any list.",),
    ),
)
"""Days ago, id, title, slug, author, tags, summary, paragraphs."""

DRAFT = (
    0,
    "drafts.post-sponsor",
    "How to become a sponsor in 2027",
    "how-to-become-a-sponsor",
    "person-noor",
    ("sponsors",),
    "New prices, not yet decided.",
    ("Silver will cost 1,800 EUR.",),
)

ANNOUNCEMENTS = (
    (
        1,
        "announcement-tickets",
        "Tickets for Edge Day are out",
        "edge-day-tickets",
        "60 EUR, 20 EUR reduced, and 30 free ones for volunteers.",
        ("The first hundred tickets are online. If the price is a problem, write to us: there is a fund for it.",),
    ),
    (
        11,
        "announcement-mentors",
        "Mentoring begins again",
        "mentoring-begins",
        "Twelve mentors, twelve weeks, one hour a week.",
        ("Grace pairs people by what they want to learn. Apply until the end of the month; no experience is needed.",),
    ),
    (
        33,
        "announcement-newyork",
        "New York moves to the library",
        "new-york-moves",
        "More room, and a ramp.",
        ("From now on the New York evenings take place in the Harbour Library.",),
    ),
    (
        75,
        "announcement-chat",
        "A new home for the chat",
        "new-chat",
        "We have moved; the old rooms stay readable until spring.",
        ("The chat is for members of the newsletter, too. The code of conduct applies there as everywhere.",),
    ),
)
"""Days ago, id, title, slug, summary, paragraphs."""

IMAGES = (
    ("image-berlin", "berlin-evening.jpg", 1600, 900),
    ("image-library", "harbour-library.jpg", 1280, 853),
    ("image-lisbon", "casa-do-codigo.jpg", 1600, 1067),
    ("image-fjord", "fjord-logo.png", 640, 320),
    ("image-kiln", "kiln-logo.png", 512, 512),
    ("image-zoe", "zoe-müller.jpg", 800, 800),
)
"""Id, name of the file, width, height."""
