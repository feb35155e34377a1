"""The state's `vehicle_state` and `vehicle_config`, and the tyres."""

from sims.tessie.moment import Firmware, Moment, firmware
from sims.tessie.records import Json

TYRES = ("fl", "fr", "rl", "rr")
LOW_BAR = 2.5


def tyre_bars(outside_c: float, odometer_mi: float) -> dict[str, float]:
    """Pressure of each tyre in bar: warm air presses more, and each tyre leaks in its own time."""
    warmth = 2.9 + (outside_c - 20) * 0.0105
    return {tyre: round(warmth - (odometer_mi + 900 * n) % 4_000 * 0.00004, 3) for n, tyre in enumerate(TYRES)}


def vehicle_state(seen: Moment) -> Json:
    """About 70 keys; doors and windows 0 when closed, odometer in miles, pressures in bar."""
    installed = firmware(seen.car, seen.at)
    return {
        **_doors(seen),
        **_screen(seen),
        **_tyres(seen),
        "api_version": 71,
        "autopark_state_v2": "unavailable",
        "calendar_supported": True,
        "car_version": installed.version,
        "dashcam_clip_save_available": True,
        "dashcam_state": "Recording" if seen.activity == "driving" else "Unavailable",
        "feature_bitmask": "fbdffbff,187f",
        "homelink_device_count": 1,
        "homelink_nearby": seen.event.place.kind == "home" and seen.activity != "driving",
        "last_autopark_error": "no_error",
        "notifications_supported": True,
        "odometer": round(seen.odometer_mi, 6),
        "parsed_calendar_supported": True,
        "remote_start": False,
        "remote_start_enabled": True,
        "remote_start_supported": True,
        "service_mode": False,
        "service_mode_plus": False,
        "software_update": software_update(installed),
        "vehicle_name": seen.car.name,
        "vehicle_self_test_progress": 0,
        "vehicle_self_test_requested": False,
        "webcam_available": True,
        "timestamp": seen.at * 1000,
    }


def software_update(installed: Firmware) -> Json:
    """The pending update; `version` is a space if there is none."""
    built: Json = {
        "download_perc": {"downloading": 42, "": 0}.get(installed.status, 100),
        "expected_duration_sec": 1_500,
        "install_perc": 20 if installed.status == "installing" else 1,
        "status": installed.status,
        "version": installed.coming.split(" ", maxsplit=1)[0] or " ",
    }
    if installed.status == "scheduled":
        built |= {"scheduled_time_ms": installed.next_at * 1000, "warning_time_remaining_ms": 120_000}
    return built


def _doors(seen: Moment) -> Json:
    driving = seen.activity == "driving"
    closed = ("df", "dr", "pf", "pr", "ft", "rt", "fd_window", "fp_window", "rd_window", "rp_window")
    return dict.fromkeys(closed, 0) | {
        "is_user_present": driving,
        "locked": not driving,
        "sentry_mode": seen.sentry,
        "sentry_mode_available": True,
        "valet_mode": False,
        "valet_pin_needed": True,
    }


def _screen(seen: Moment) -> Json:
    return {
        "center_display_state": 2 if seen.activity == "driving" else 0,
        "media_info": {
            "a2dp_source_name": "",
            "audio_volume": 2.3333,
            "audio_volume_increment": 0.333333,
            "audio_volume_max": 10.333333,
            "media_playback_status": "Playing" if seen.activity == "driving" else "Stopped",
            "now_playing_album": "",
            "now_playing_artist": "",
            "now_playing_duration": 0,
            "now_playing_elapsed": 0,
            "now_playing_source": "Spotify",
            "now_playing_station": "",
            "now_playing_title": "",
        },
        "media_state": {"remote_control_enabled": True},
        "santa_mode": 0,
        "smart_summon_available": False,
        "speed_limit_mode": {
            "active": False,
            "current_limit_mph": 80.0,
            "max_limit_mph": 120,
            "min_limit_mph": 50.0,
            "pin_code_set": False,
        },
        "summon_standby_mode_enabled": False,
    }


def _tyres(seen: Moment) -> Json:
    bars = tyre_bars(seen.outside_c, seen.odometer_mi)
    built: Json = {"tpms_rcp_front_value": 2.9, "tpms_rcp_rear_value": 2.9}
    for tyre, bar in bars.items():
        built |= {
            f"tpms_pressure_{tyre}": bar,
            f"tpms_hard_warning_{tyre}": False,
            f"tpms_soft_warning_{tyre}": bar < LOW_BAR,
            f"tpms_last_seen_pressure_time_{tyre}": seen.at - 60,
        }
    return built


def vehicle_config(seen: Moment) -> Json:
    """The car's equipment; `utc_offset` in seconds."""
    return _built(seen) | _EQUIPMENT | {"timestamp": seen.at * 1000}


def _built(seen: Moment) -> Json:
    build = seen.car.build
    european = build.port == "CCS"
    return {
        "aux_park_lamps": "Eu" if european else "NaPremium",
        "car_type": build.car_type,
        "charge_port_type": build.port,
        "default_charge_to_max": build.trim == "50",
        "ece_restrictions": european,
        "eu_vehicle": european,
        "exterior_color": build.color,
        "has_air_suspension": build.car_type == "models",
        "trim_badging": build.trim.lower(),
        "utc_offset": build.utc_offset_s,
        "wheel_type": build.wheels,
    }


_EQUIPMENT: Json = {
    "badge_version": 0,
    "can_accept_navigation_requests": True,
    "can_actuate_trunks": True,
    "car_special_type": "base",
    "cop_user_set_temp_supported": True,
    "dashcam_clip_save_supported": True,
    "driver_assist": "TeslaAP3",
    "efficiency_package": "Default",
    "exterior_trim": "Black",
    "exterior_trim_override": "",
    "front_drive_unit": "PM216MOSFET",
    "has_ludicrous_mode": False,
    "has_seat_cooling": False,
    "headlamp_type": "Global",
    "interior_trim_type": "Black2",
    "key_version": 2,
    "motorized_charge_port": True,
    "paint_color_override": "",
    "performance_package": "Base",
    "plg": True,
    "pws": True,
    "rear_drive_unit": "PM216MOSFET",
    "rear_seat_heaters": 1,
    "rear_seat_type": 0,
    "rhd": False,
    "roof_color": "RoofColorGlass",
    "seat_type": None,
    "spoiler_type": "None",
    "sun_roof_installed": None,
    "supports_qr_pairing": False,
    "third_row_seats": "None",
    "use_range_badging": True,
    "webcam_selfie_supported": True,
    "webcam_supported": True,
}
