"""The community's people, sponsors and projects."""

PEOPLE = (
    (
        "person-ada",
        "Ada Nwosu",
        "ada-nwosu",
        "Organiser",
        "https://ada.example",
        "Ada founded Edge Collective in 2023 with four people around one table. She runs the Berlin meetups and works "
        "on schedulers by day.",
    ),
    (
        "person-zoe",
        "Zoë Müller",
        "zoe-mueller",
        "Organiser",
        "https://zoe.example",
        "Zoë looks after the code of conduct and after everybody who comes for the first time. She writes about "
        "packaging, and teaches Python to librarians.",
    ),
    (
        "person-lukasz",
        "Łukasz Wójcik",
        "lukasz-wojcik",
        "Maintainer",
        "https://wojcik.example",
        "Łukasz maintains Tidewatch and most of our continuous integration. Ask him about WebAssembly.",
    ),
    (
        "person-ines",
        "Inés Álvarez Núñez",
        "ines-alvarez",
        "Speaker",
        "https://ines.example",
        "Inés builds data pipelines for a rail operator in Madrid and speaks about queues, clocks and what they cost.",
    ),
    (
        "person-sora",
        "田中 そら",
        "tanaka-sora",
        "Maintainer",
        None,
        "Sora (田中 そら) maintains Lantern and moderates the chat while Europe sleeps.",
    ),
    (
        "person-grace",
        "Grace O'Connor",
        "grace-oconnor",
        "Organiser",
        "https://grace.example",
        "Grace runs the New York evenings and the mentoring programme.",
    ),
    (
        "person-priya",
        "Priya Raman",
        "priya-raman",
        "Speaker",
        "https://priya.example",
        "Priya works on observability and has the patience to read traces aloud.",
    ),
    (
        "person-mikkel",
        "Mikkel Ågård",
        "mikkel-agard",
        "Volunteer",
        None,
        "Mikkel sees to microphones, captions and coffee.",
    ),
    (
        "person-noor",
        "Noor Haddad",
        "noor-haddad",
        "Treasurer",
        "https://noor.example",
        "Noor keeps the books of the association and talks with sponsors: sponsors@edge-collective.example reaches "
        "her.",
    ),
)
"""Id, name, slug, role, website, biography."""

PROJECTS = (
    (
        "project-tidewatch",
        "Tidewatch",
        "tidewatch",
        "A dashboard of tides, built as the example of our workshops.",
        "https://code.example/edge-collective/tidewatch",
        ("person-lukasz", "person-ada"),
        ("python", "webassembly"),
        (
            "Tidewatch reads the levels of 40 harbours every ten minutes and keeps a year of them. It runs at the "
            "edge and has no server of its own.",
            "New contributors are welcome: issues with the label «first tide» take an evening, and Łukasz reviews them "
            "within two days.",
        ),
    ),
    (
        "project-lantern",
        "Lantern",
        "lantern",
        "Finds the slow line in an asynchronous program.",
        "https://code.example/edge-collective/lantern",
        ("person-sora",),
        ("python", "async", "observability"),
        (
            "Lantern draws where a coroutine waits. It needs no change to the program and adds three percent to its "
            "time.",
            "Version 2.0 reads traces of OpenTelemetry.",
        ),
    ),
    (
        "project-grebe",
        "Grebe",
        "grebe",
        "A queue in one file of SQLite.",
        "https://code.example/edge-collective/grebe",
        ("person-ines", "person-priya"),
        ("python", "sqlite", "queues"),
        (
            "Grebe delivers at least once, in order for each key, and its queue is a file that you can copy.",
            "It is used by two newspapers and by our own registration desk.",
        ),
    ),
    (
        "project-handbook",
        "Organiser's Handbook",
        "handbook",
        "How we run a meetup, so that you can too.",
        "https://code.example/edge-collective/handbook",
        ("person-grace", "person-zoe", "person-mikkel"),
        ("community",),
        (
            "Checklists for a venue, for captions, for a call for speakers and for the day itself.",
            "Everything in it is under CC BY 4.0.",
        ),
    ),
    (
        "project-badges",
        "Badges",
        "badges",
        "Name badges with pronouns, printed from a spreadsheet.",
        None,
        (),
        ("community", "python"),
        ("Badges is looking for a maintainer.",),
    ),
)
"""Id, title, slug, summary, repository, maintainers, tags, paragraphs."""

SPONSORS = (
    (
        "sponsor-fjord",
        "Fjord Hosting",
        "fjord-hosting",
        "gold",
        "https://fjord.example",
        "image-fjord",
        "Fjord Hosting pays for our streams and gives every speaker a year of a small server.",
    ),
    (
        "sponsor-kiln",
        "Kiln & Söhne",
        "kiln-soehne",
        "silver",
        "https://kiln.example",
        "image-kiln",
        "Kiln & Söhne lends us its canteen in Berlin-Kreuzberg on the second Thursday of each month.",
    ),
    (
        "sponsor-papaya",
        "Papaya Labs",
        "papaya-labs",
        "silver",
        "https://papaya.example",
        None,
        "Papaya Labs pays for captions in English and German.",
    ),
    (
        "sponsor-ferry",
        "Ferry Coffee",
        "ferry-coffee",
        "community",
        "https://ferry.example",
        None,
        "Ferry Coffee brings the coffee to New York, oat milk included.",
    ),
)
"""Id, name, slug, tier, website, logo, summary."""
