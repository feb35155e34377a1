"""The fleet's four cars; every address and number in it is invented."""

from sims.tessie.cars import Battery, Build, Car, Charging, Climate, Habits, Place, Region, checked_vin

COMMUTER = Habits(
    commute=0.93,
    lunch=0.15,
    errand=0.3,
    weekend_errands=(1, 3),
    weekend_trip=0.14,
    leaves_s=27_000,
    sentry=frozenset({"work", "errand", "hotel"}),
    preconditions=True,
    business_tag=0.06,
    drivers=("Alex", "Sam"),
)
UPDATER = Habits(
    commute=0.8,
    lunch=0.05,
    errand=0.35,
    weekend_errands=(0, 2),
    weekend_trip=0.1,
    leaves_s=25_500,
    sentry=frozenset({"errand", "hotel"}),
    preconditions=True,
)


def commuter() -> Car:
    """A Model Y near Denver, driven every day: the ordinary case."""
    home = Place("home", "18 Juniper Lane, Lakewood, Colorado 80226, USA", 39.7047, -105.0814, "Home")
    trip_stop = home.beside("supercharger", "Supercharger, Silver Plume, Colorado 80476, USA", -2, -44)
    south_stop = home.beside("supercharger", "Supercharger, Fountain, Colorado 80817, USA", -62, 18)
    return Car(
        vin=checked_vin("7SAYGDEE_PA123456"),
        name="Juniper",
        vehicle_id=1_492_931_365,
        id=1_492_931_365_719_407,
        odometer_mi=21_408.35,
        build=Build("modely", "74D", "MidnightSilver", "Gemini19", "US", -7 * 3600, metric=False),
        battery=Battery(326.0, 0.2403, 0.031, 0.013),
        climate=Climate(10.0, 12.0, 6.5),
        region=Region(
            home=home,
            work=home.beside("work", "900 Platte Street, Denver, Colorado 80202, USA", 4.1, 6.2, "Work"),
            errands=(
                home.beside("errand", "7600 Market Road, Lakewood, Colorado 80232, USA", -2.2, 1.1),
                home.beside("errand", "210 Foothill Avenue, Golden, Colorado 80401, USA", 4.6, -7.9),
                home.beside("errand", "55 Orchard Mall, Littleton, Colorado 80123, USA", -6.8, 2.4, "Climbing gym"),
            ),
            supercharger=home.beside("supercharger", "Supercharger, Denver West, Colorado 80401, USA", 2.8, -5.6),
            trips=(
                (trip_stop, home.beside("hotel", "1 Lodge Way, Vail, Colorado 81657, USA", -3, -70)),
                (south_stop, home.beside("hotel", "40 Plaza Road, Trinidad, Colorado 81082, USA", -128, 30)),
            ),
        ),
        charging=Charging(11.0, 240, 48, 1, 118.0, 0.14, 0.43, "USD", plug_below=68),
        habits=COMMUTER,
        firmware_days=92,
        first_record=1_000_001,
        plate="SIM-101",
    )


def sleeper() -> Car:
    """A Model 3 in Utrecht that is driven a few times a month and sleeps otherwise."""
    home = Place("home", "Lindelaan 7, 3571 Utrecht, Netherlands", 52.0987, 5.1342, "Home")
    return Car(
        vin=checked_vin("LRW3E7FA_MC234567"),
        name="Dormouse",
        vehicle_id=1_126_224_801,
        id=1_126_224_801_330_518,
        odometer_mi=8_912.07,
        build=Build("model3", "50", "PearlWhite", "Pinwheel18", "CCS", 3600, metric=True, telemetry=False),
        battery=Battery(263.0, 0.2056, 0.024, 0.009),
        climate=Climate(10.5, 7.5, 3.5),
        region=Region(
            home=home,
            errands=(
                home.beside("errand", "Marktplein 3, 3811 Amersfoort, Netherlands", 3.2, 11.0),
                home.beside("errand", "Havenweg 20, 3433 Nieuwegein, Netherlands", -4.0, -2.1, "Garden centre"),
            ),
            supercharger=home.beside("supercharger", "Supercharger, 3528 Utrecht, Netherlands", -2.0, -3.1),
            trips=(
                (
                    home.beside("supercharger", "Supercharger, 6846 Arnhem, Netherlands", -9, 31),
                    home.beside("hotel", "Bergweg 1, 6301 Valkenburg, Netherlands", -84, 32),
                ),
            ),
        ),
        charging=Charging(11.0, 230, 16, 3, 92.0, 0.27, 0.49, "EUR", limit=70, plug_below=45),
        habits=Habits(errand=0.06, weekend_errands=(0, 0), weekend_trip=0.03, leaves_s=36_000),
        firmware_days=300,
        first_record=2_000_001,
    )


def updater() -> Car:
    """A Model Y near Berlin that is charged at night; its firmware changes about every month."""
    home = Place("home", "Ahornweg 31, 14467 Potsdam, Germany", 52.4042, 13.0522, "Home")
    return Car(
        vin=checked_vin("XP7YGCEK_PB345678"),
        name="Kestrel",
        vehicle_id=1_689_215_044,
        id=1_689_215_044_907_126,
        odometer_mi=14_277.61,
        build=Build("modely", "74D", "DeepBlue", "Induction20", "CCS", 3600, metric=True),
        battery=Battery(303.0, 0.2475, 0.019, 0.015),
        climate=Climate(9.6, 10.0, 4.5),
        region=Region(
            home=home,
            work=home.beside("work", "Technikring 12, 14513 Teltow, Germany", -0.9, 9.4, "Work"),
            errands=(
                home.beside("errand", "Seestrasse 88, 14547 Beelitz, Germany", -10.5, -3.2),
                home.beside("errand", "Havelufer 2, 14482 Potsdam, Germany", -1.2, 2.6),
            ),
            supercharger=home.beside("supercharger", "Supercharger, 14532 Kleinmachnow, Germany", 0.6, 7.7),
            trips=(
                (
                    home.beside("supercharger", "Supercharger, 01983 Freienhufen, Germany", -57, 40),
                    home.beside("hotel", "Elbhang 9, 01326 Dresden, Germany", -95, 38),
                ),
            ),
        ),
        charging=Charging(11.0, 230, 16, 3, 124.0, 0.31, 0.52, "EUR", plug_below=70, off_peak_s=86_400 + 1_800),
        habits=UPDATER,
        firmware_days=34,
        first_record=3_000_001,
        plate="P SI 707E",
    )


def sparse() -> Car:
    """An older Model S near Sacramento: nulls, absent objects, an id that no double can hold."""
    home = Place("home", "402 Almond Court, Davis, California 95616, USA", 38.5449, -121.7405)
    return Car(
        vin=checked_vin("5YJSA1E2_LF456789"),
        name="Old Reliable",
        vehicle_id=884_512_097,
        id=9_007_199_254_740_993 + 8_845_120,  # odd and over 2^53
        odometer_mi=61_930.82,
        build=Build("models", "100D", "SolidBlack", "Slipstream19", "US", -8 * 3600, metric=False, telemetry=False),
        battery=Battery(373.0, 0.2569, 0.068, 0.011, ideal_ratio=1.25),
        climate=Climate(17.0, 8.0, 7.0),
        region=Region(
            home=home,
            work=home.beside("work", "1500 River Street, Sacramento, California 95814, USA", 3.0, 13.2),
            errands=(
                home.beside("errand", "88 Cannery Road, Woodland, California 95695, USA", 9.3, -2.0),
                home.beside("errand", "12 Arboretum Drive, Davis, California 95618, USA", -0.8, 1.7),
            ),
            supercharger=home.beside("supercharger", "Supercharger, West Sacramento, California 95691, USA", 2, 11),
            trips=(
                (
                    home.beside("supercharger", "Supercharger, Auburn, California 95603, USA", 24, 35),
                    home.beside("hotel", "3 Lake Road, Tahoe City, California 96145, USA", 43, 86),
                ),
            ),
        ),
        charging=Charging(3.8, 240, 16, 1, 96.0, None, None, "USD", limit=85, plug_below=75),
        habits=Habits(commute=0.5, errand=0.4, weekend_errands=(0, 2), weekend_trip=0.06, leaves_s=30_600),
        firmware_days=150,
        first_record=4_000_001,
        sparse=True,
    )


def cars() -> tuple[Car, ...]:
    """The whole fleet, always in this order."""
    return commuter(), sleeper(), updater(), sparse()
