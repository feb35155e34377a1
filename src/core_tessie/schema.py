"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "agent_actions",
            "id kind! payload!:json status! vin attempts!:integer result error idempotency_key actor request_id "
            "started_at:instant ended_at:instant created_at:instant updated_at:instant sent_at:instant "
            "lease_ends_at:instant claimed_by request_hash is_called_off!:boolean retries!:integer",
            key=("id",),
            defaults={"payload": "{}", "attempts": 0, "is_called_off": 0, "retries": 0},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "agent_messages",
            "id conversation_id! role! content! model status! prompt_tokens:integer completion_tokens:integer actor "
            "request_id created_at:instant updated_at:instant turn!:integer tool_calls tool_call_id finish_reason "
            "error subjects least_role!:integer",
            key=("id",),
            defaults={"turn": 0, "least_role": 3},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "api_keys",
            "id name! role!:integer prefix! hash! subjects daily_calls:integer actor expires_at:instant "
            "revoked_at:instant last_used_at:instant created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "battery_health",
            "id vin! recorded_at!:instant odometer_mi:real max_range_mi:real max_ideal_range_mi:real capacity_kwh:real "
            "created_at:instant updated_at:instant implausible",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
            generated=("implausible",),
        ),
        Relation(
            "charges",
            "id vin! tessie_id!:integer started_at!:instant ended_at:instant location saved_location latitude:real "
            "longitude:real is_supercharger:boolean is_fast_charger:boolean odometer_mi:real energy_added_kwh:real "
            "energy_used_kwh:real rated_range_added_mi:real ideal_range_added_mi:real starting_battery_pct:real "
            "ending_battery_pct:real cost:real tessie_updated_at:instant created_at:instant updated_at:instant "
            "implausible estimated_cost:real estimated_currency estimated_tariff_id estimate_tariffs! estimate_basis",
            key=("id",),
            unique=(("vin", "tessie_id"),),
            defaults={"estimate_tariffs": ""},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
            generated=("implausible",),
        ),
        Relation(
            "climates",
            "id vin! recorded_at!:instant inside_temp_c:real outside_temp_c:real driver_temp_setting_c:real "
            "passenger_temp_setting_c:real is_climate_on:boolean is_auto_conditioning_on:boolean "
            "is_preconditioning:boolean is_front_defroster_on:boolean is_rear_defroster_on:boolean "
            "is_battery_heater_on:boolean fan_status:integer defrost_mode:integer climate_keeper_mode "
            "cabin_overheat_protection seat_heater_left:integer seat_heater_right:integer "
            "is_steering_wheel_heater_on:boolean created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "drives",
            "id vin! tessie_id!:integer started_at!:instant ended_at:instant starting_location starting_saved_location "
            "starting_latitude:real starting_longitude:real ending_location ending_saved_location ending_latitude:real "
            "ending_longitude:real starting_battery_pct:real ending_battery_pct:real starting_odometer_mi:real "
            "ending_odometer_mi:real distance_mi:real autopilot_distance_mi:real average_speed_mph:real "
            "max_speed_mph:real inside_temp_c:real outside_temp_c:real rated_range_used_mi:real "
            "ideal_range_used_mi:real energy_used_kwh:real tag tessie_updated_at:instant created_at:instant "
            "updated_at:instant implausible",
            key=("id",),
            unique=(("vin", "tessie_id"),),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
            generated=("implausible",),
        ),
        Relation(
            "energy_reports",
            "id vin period_from! period_to! title! report! summary rows_used!:integer actor request_id "
            "created_at:instant updated_at:instant",
            key=("id",),
            defaults={"rows_used": 0},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "idles",
            "id vin! tessie_id!:integer started_at!:instant ended_at:instant location saved_location latitude:real "
            "longitude:real starting_battery_pct:real ending_battery_pct:real rated_range_used_mi:real "
            "ideal_range_used_mi:real climate_fraction:real sentry_fraction:real energy_used_kwh:real "
            "tessie_updated_at:instant created_at:instant updated_at:instant implausible",
            key=("id",),
            unique=(("vin", "tessie_id"),),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
            generated=("implausible",),
        ),
        Relation(
            "logs",
            "id route actor request_id level! message! payload created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "overrides",
            "id vin! record_table! record_id! column_name owner_value! tessie_value actor created_at:instant "
            "updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "removed_records",
            "id vin! kind! tessie_id!:integer started_at!:instant removed_at!:instant payload! created_at:instant "
            "updated_at:instant",
            key=("id",),
            unique=(("vin", "kind", "tessie_id"),),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "software_updates",
            "id vin! version! status! first_seen_at!:instant installed_at:instant download_pct:real install_pct:real "
            "expected_duration_s:integer created_at:instant updated_at:instant",
            key=("id",),
            unique=(("vin", "version"),),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "sync_parts",
            "id vin! part! synced_at:instant refreshed_at:instant first_failed_at:instant failures!:integer error "
            "changed_at:instant handled_at:instant sought_at:instant reread_at:instant created_at:instant "
            "updated_at:instant",
            key=("id",),
            unique=(("vin", "part"),),
            defaults={"failures": 0},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "sync_runs",
            "id cause! status! actor request_id started_at!:instant ended_at:instant vehicles_total!:integer "
            "vehicles_done!:integer vehicles_failed!:integer rows_written!:integer progress!:json error "
            "created_at:instant updated_at:instant",
            key=("id",),
            defaults={
                "vehicles_total": 0,
                "vehicles_done": 0,
                "vehicles_failed": 0,
                "rows_written": 0,
                "progress": "{}",
            },
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "tariffs",
            "id name! vin currency! timezone saved_location latitude:real longitude:real radius_m:real charger rates! "
            "actor created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "tessie_raw",
            "id vin method! path! query! status:integer content_type body body_bytes!:integer is_cut!:boolean "
            "latency_ms:real attempts!:integer error request_id created_at:instant updated_at:instant digest "
            "seen!:integer last_seen_at:instant stored_bytes:integer",
            key=("id",),
            defaults={"query": "", "body_bytes": 0, "is_cut": 0, "attempts": 1, "seen": 1},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "tickets",
            "id actor! role!:integer expires_at!:instant created_at:instant updated_at:instant subjects "
            "daily_calls:integer ends_at:real fingerprint target resumes_until",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "vehicle_settings",
            "id vin! recorded_at:instant charge_limit_pct:real charge_amps:real scheduled_charging_mode "
            "scheduled_charging_start_min:integer scheduled_departure_min:integer is_preconditioning_enabled:boolean "
            "is_off_peak_charging_enabled:boolean driver_temp_setting_c:real passenger_temp_setting_c:real "
            "cabin_overheat_protection is_sentry_on:boolean is_valet_on:boolean speed_limit_mph:real "
            "is_speed_limit_on:boolean gui_distance_units gui_temperature_units gui_charge_rate_units "
            "gui_tire_pressure_units gui_range_display is_gui_24_hour:boolean created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            references={"vin": "vehicles"},
        ),
        Relation(
            "vehicles",
            "id vin! tessie_id display_name car_type trim_badging exterior_color wheel_type is_active!:boolean state "
            "recorded_at:instant odometer_mi:real battery_pct:real usable_battery_pct:real rated_range_mi:real "
            "estimated_range_mi:real ideal_range_mi:real energy_remaining_kwh:real charging_state "
            "charger_power_kw:real minutes_to_full_charge:real latitude:real longitude:real heading_deg:real "
            "speed_mph:real shift_state is_locked:boolean is_user_present:boolean is_sentry_on:boolean "
            "is_climate_on:boolean inside_temp_c:real outside_temp_c:real tire_front_left_bar:real "
            "tire_front_right_bar:real tire_rear_left_bar:real tire_rear_right_bar:real car_version "
            "utc_offset_s:integer synced_at:instant refreshed_at:instant backfilled_at:instant backfill "
            "created_at:instant updated_at:instant archived_at:instant original_capacity_kwh:real degradation_pct:real "
            "implausible",
            key=("id",),
            unique=(("vin",),),
            defaults={"is_active": 1},
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
            generated=("implausible",),
        ),
    ),
    indexes=(
        Index("agent_actions_by_actor", "agent_actions", ("actor",)),
        Index("agent_actions_created", "agent_actions", ("created_at",)),
        Index("agent_actions_ended", "agent_actions", ("ended_at",)),
        Index(
            "agent_actions_idempotency",
            "agent_actions",
            ("idempotency_key",),
            is_unique=True,
            where="idempotency_key IS NOT NULL",
        ),
        Index("agent_actions_kind", "agent_actions", ("kind", "created_at")),
        Index("agent_actions_status", "agent_actions", ("status", "created_at")),
        Index("agent_actions_unsent", "agent_actions", ("created_at",), where="status = 'queued' AND sent_at IS NULL"),
        Index("agent_actions_vin", "agent_actions", ("vin",)),
        Index("agent_messages_actor", "agent_messages", ("actor", "role", "created_at")),
        Index("agent_messages_asked", "agent_messages", ("role", "created_at")),
        Index("agent_messages_conversation", "agent_messages", ("conversation_id", "created_at")),
        Index("agent_messages_turn", "agent_messages", ("conversation_id", "turn")),
        Index("api_keys_created", "api_keys", ("created_at",)),
        Index("api_keys_ended", "api_keys", ("coalesce(revoked_at, expires_at)",)),
        Index("battery_health_vin_recorded", "battery_health", ("vin", "recorded_at")),
        Index(
            "charges_estimate_stale",
            "charges",
            ("id",),
            where="estimate_basis <> json_array(started_at, ended_at, saved_location, latitude, longitude, "
            "is_supercharger, is_fast_charger, energy_added_kwh, energy_used_kwh, cost)",
        ),
        Index("charges_estimate_tariffs", "charges", ("estimate_tariffs",)),
        Index("charges_open", "charges", ("vin", "started_at"), where="ended_at IS NULL"),
        Index("charges_started", "charges", ("started_at",)),
        Index("charges_vin_started", "charges", ("vin", "started_at")),
        Index("climates_vin_recorded", "climates", ("vin", "recorded_at")),
        Index("drives_open", "drives", ("vin", "started_at"), where="ended_at IS NULL"),
        Index("drives_started", "drives", ("started_at",)),
        Index("drives_vin_started", "drives", ("vin", "started_at")),
        Index("energy_reports_by_actor", "energy_reports", ("actor",)),
        Index("energy_reports_vin_created", "energy_reports", ("vin", "created_at")),
        Index("idles_open", "idles", ("vin", "started_at"), where="ended_at IS NULL"),
        Index("idles_started", "idles", ("started_at",)),
        Index("idles_vin_started", "idles", ("vin", "started_at")),
        Index("logs_by_actor", "logs", ("actor", "created_at")),
        Index("logs_created", "logs", ("created_at",)),
        Index("logs_request", "logs", ("request_id",)),
        Index("overrides_by_actor", "overrides", ("actor",)),
        Index("overrides_record", "overrides", ("record_table", "record_id")),
        Index("overrides_vin", "overrides", ("vin",)),
        Index("removed_records_removed", "removed_records", ("removed_at",)),
        Index("sync_runs_by_actor", "sync_runs", ("actor",)),
        Index("sync_runs_ended", "sync_runs", ("ended_at",)),
        Index("sync_runs_open", "sync_runs", ("status", "started_at")),
        Index("sync_runs_started", "sync_runs", ("started_at",)),
        Index("tariffs_by_actor", "tariffs", ("actor",)),
        Index("tariffs_vin", "tariffs", ("vin",)),
        Index("tessie_raw_asked", "tessie_raw", ("path", "query", "method"), where="digest IS NOT NULL"),
        Index("tessie_raw_created", "tessie_raw", ("created_at",)),
        Index("tessie_raw_stored", "tessie_raw", ("created_at", "stored_bytes"), where="stored_bytes IS NOT NULL"),
        Index("tessie_raw_vin_created", "tessie_raw", ("vin", "created_at")),
        Index("tickets_expires", "tickets", ("expires_at",)),
        Index("vehicle_settings_vin", "vehicle_settings", ("vin",)),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=(
        "0001_init.sql",
        "0002_idles_and_battery.sql",
        "0003_tickets.sql",
        "0004_agent.sql",
        "0005_actions.sql",
        "0006_access.sql",
        "0007_message_scope.sql",
        "0008_ticket_credentials.sql",
        "0009_retention.sql",
        "0010_no_triggers.sql",
        "0011_sync_parts.sql",
        "0015_overrides.sql",
        "0016_original_capacity.sql",
        "0018_plausibility.sql",
        "0019_tariffs.sql",
        "0020_ticket_resume.sql",
    ),
)
