"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "account_links",
            "id purpose! user_id email! profile expires_at!:instant",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "admin_audit",
            "id:integer actor! action! target_kind! target_id! details!:json:JSON created_at!:instant",
            key=("id",),
            defaults={"details": "{}"},
        ),
        Relation(
            "appointments",
            "id customer_id practitioner_id service_id customer_name! practitioner_name! service_name! state! "
            "starts_at!:instant ends_at!:instant time_zone! wall_time! tzdata_version! blocked_from!:integer "
            "blocked_until!:integer minutes!:integer buffer_before_minutes!:integer buffer_after_minutes!:integer "
            "price!:integer currency! cancellation_hours!:integer note! sequence!:integer expires_at:instant "
            "confirmed_at:instant moved_by cancelled_at:instant cancelled_by cancel_reason! idempotency_key "
            "request_hash free!:integer current!:integer welcome!:integer legal!:integer created_at!:instant "
            "updated_at!:instant few!:integer",
            key=("id",),
            unique=(("customer_id", "idempotency_key"),),
            defaults={
                "tzdata_version": "",
                "buffer_before_minutes": 0,
                "buffer_after_minutes": 0,
                "cancellation_hours": 0,
                "note": "",
                "sequence": 0,
                "cancel_reason": "",
                "welcome": 1,
                "legal": 1,
                "few": 1,
            },
            references={"customer_id": "users", "practitioner_id": "practitioners", "service_id": "services"},
        ),
        Relation(
            "auth_attempts",
            "key failures!:integer free_at!:real seen_at!:real",
            key=("key",),
        ),
        Relation(
            "blocks",
            "user_id blocked_id created_at!:instant",
            key=("user_id", "blocked_id"),
            references={"user_id": "users", "blocked_id": "users"},
        ),
        Relation(
            "conversations",
            "id customer_id! practitioner_id! customer_name! practitioner_name! last_number!:integer "
            "customer_read!:integer practitioner_read!:integer last_message_at!:instant created_at!:instant",
            key=("id",),
            unique=(("customer_id", "practitioner_id"),),
            defaults={"last_number": 0, "customer_read": 0, "practitioner_read": 0},
            references={"customer_id": "users", "practitioner_id": "practitioners"},
        ),
        Relation(
            "feed_links",
            "id user_id! side! token_hash! has_notes!:boolean created_at!:instant",
            key=("id",),
            unique=(("token_hash",),),
            defaults={"has_notes": 0},
            references={"user_id": "users"},
        ),
        Relation(
            "messages",
            "id conversation_id! number!:integer sender_id! body! allowed!:integer sent_at!:instant edited_at:instant "
            "deleted_at:instant",
            key=("id",),
            unique=(("conversation_id", "number"),),
            defaults={"allowed": 1},
            references={"conversation_id": "conversations"},
        ),
        Relation(
            "notifications",
            "id user_id! kind! appointment_id data!:json:JSON created_at!:instant read_at:instant",
            key=("id",),
            defaults={"data": "{}"},
            references={"user_id": "users", "appointment_id": "appointments"},
        ),
        Relation(
            "practitioner_places",
            "practitioner_id lat!:real lng!:real address! updated_at!:instant",
            key=("practitioner_id",),
            defaults={"address": ""},
            references={"practitioner_id": "practitioners"},
        ),
        Relation(
            "practitioner_texts",
            "words:text:- marks:text:-",
            form="fts",
            shadows=(
                "practitioner_texts_config",
                "practitioner_texts_content",
                "practitioner_texts_data",
                "practitioner_texts_docsize",
                "practitioner_texts_idx",
            ),
        ),
        Relation(
            "practitioners",
            "number:integer id! name! headline! bio! specializations!:json:JSON languages!:json:JSON city! country! "
            "coarse_lat:real coarse_lng:real cell:integer time_zone! currency! verification! is_listed!:boolean "
            "needs_confirmation!:integer notice_minutes!:integer horizon_days!:integer cancellation_hours!:integer "
            "photo_id min_price:integer rating_sum!:integer rating_count!:integer score:real booking_count!:integer "
            "calendar_version!:integer created_at!:instant updated_at!:instant changed_at:instant",
            key=("number",),
            unique=(("id",),),
            defaults={
                "headline": "",
                "bio": "",
                "specializations": "[]",
                "languages": "[]",
                "city": "",
                "country": "",
                "currency": "EUR",
                "verification": "unverified",
                "is_listed": 1,
                "needs_confirmation": 1,
                "notice_minutes": 120,
                "horizon_days": 90,
                "cancellation_hours": 24,
                "rating_sum": 0,
                "rating_count": 0,
                "booking_count": 0,
                "calendar_version": 0,
            },
            references={"id": "users"},
            generated=("score",),
        ),
        Relation(
            "refresh_tokens",
            "id user_id! counter!:integer rotated_at!:real used_at:real client! network! created_at!:instant "
            "last_used_at!:instant expires_at!:instant ended_at:instant ended_by",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "reminder_mails",
            "appointment_id side attempts!:integer due_at:instant created_at!:instant",
            key=("appointment_id", "side"),
            defaults={"attempts": 0},
            references={"appointment_id": "appointments"},
        ),
        Relation(
            "reminders",
            "appointment_id kind due_at!:instant sent_at:instant",
            key=("appointment_id", "kind"),
            references={"appointment_id": "appointments"},
        ),
        Relation(
            "reports",
            "id reporter_id target_kind! target_id! reason! state! decided_by decided_at:instant created_at!:instant",
            key=("id",),
            unique=(("reporter_id", "target_kind", "target_id"),),
            defaults={"state": "open"},
            references={"reporter_id": "users"},
        ),
        Relation(
            "reviews",
            "id appointment_id! practitioner_id! author_id author_name! rating!:integer body! state! reply "
            "replied_at:instant allowed!:integer created_at!:instant edited_at:instant",
            key=("id",),
            unique=(("appointment_id",),),
            defaults={"body": "", "state": "published", "allowed": 1},
            references={"appointment_id": "appointments", "practitioner_id": "practitioners", "author_id": "users"},
        ),
        Relation(
            "services",
            "id practitioner_id! name! description! minutes!:integer increment_minutes!:integer "
            "buffer_before_minutes!:integer buffer_after_minutes!:integer price!:integer currency! is_active!:boolean "
            "created_at!:instant updated_at!:instant",
            key=("id",),
            defaults={
                "description": "",
                "increment_minutes": 15,
                "buffer_before_minutes": 0,
                "buffer_after_minutes": 0,
                "is_active": 1,
            },
            references={"practitioner_id": "practitioners"},
        ),
        Relation(
            "tickets",
            "id actor! role!:integer subjects daily_calls:integer ends_at:real fingerprint expires_at!:instant "
            "created_at:instant target resumes_until updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "time_off",
            "id practitioner_id! starts_at!:instant ends_at!:instant first_day end_day reason! created_at!:instant",
            key=("id",),
            defaults={"reason": ""},
            references={"practitioner_id": "practitioners"},
        ),
        Relation(
            "uploads",
            "id user_id content_type! bytes!:integer width!:integer height!:integer is_published!:boolean "
            "created_at!:instant",
            key=("id",),
            defaults={"is_published": 0},
            references={"user_id": "users"},
        ),
        Relation(
            "user_passwords",
            "user_id hash! changed_at!:instant",
            key=("user_id",),
            references={"user_id": "users"},
        ),
        Relation(
            "users",
            "id email! email_key! confirmed_at:instant created_at!:instant updated_at!:instant user_type! name!",
            key=("id",),
            unique=(("email_key",),),
            defaults={"user_type": "customer", "name": ""},
        ),
        Relation(
            "working_hours",
            "id practitioner_id! weekday!:integer starts_minute!:integer ends_minute!:integer is_break!:boolean",
            key=("id",),
            defaults={"is_break": 0},
            references={"practitioner_id": "practitioners"},
        ),
    ),
    indexes=(
        Index("account_links_by_user", "account_links", ("user_id",)),
        Index("account_links_expires", "account_links", ("expires_at",)),
        Index("admin_audit_by_time", "admin_audit", ("created_at",)),
        Index(
            "appointments_blocking",
            "appointments",
            ("practitioner_id", "blocked_from", "blocked_until"),
            where="state IN ('requested', 'confirmed', 'rescheduled')",
        ),
        Index("appointments_ending", "appointments", ("ends_at",), where="state IN ('confirmed', 'rescheduled')"),
        Index("appointments_expiring", "appointments", ("expires_at",), where="state = 'requested'"),
        Index("appointments_of_customer", "appointments", ("customer_id", "starts_at", "id")),
        Index("appointments_of_pair", "appointments", ("customer_id", "practitioner_id")),
        Index("appointments_of_practitioner", "appointments", ("practitioner_id", "starts_at", "id")),
        Index("appointments_of_service", "appointments", ("service_id",)),
        Index("auth_attempts_seen", "auth_attempts", ("seen_at",)),
        Index("blocks_of_blocked", "blocks", ("blocked_id",)),
        Index("conversations_of_customer", "conversations", ("customer_id", "last_message_at")),
        Index("conversations_of_practitioner", "conversations", ("practitioner_id", "last_message_at")),
        Index("feed_links_of_user", "feed_links", ("user_id",)),
        Index("messages_by_sender", "messages", ("conversation_id", "sender_id")),
        Index("notifications_by_time", "notifications", ("created_at",)),
        Index("notifications_of_appointment", "notifications", ("appointment_id",)),
        Index("notifications_of_user", "notifications", ("user_id", "created_at", "id")),
        Index("practitioners_by_cell", "practitioners", ("verification", "is_listed", "cell")),
        Index("practitioners_by_score", "practitioners", ("verification", "is_listed", "score", "id")),
        Index("practitioners_changed", "practitioners", ("changed_at",), where="changed_at IS NOT NULL"),
        Index(
            "practitioners_to_verify", "practitioners", ("verification", "updated_at"), where="verification = 'pending'"
        ),
        Index("refresh_tokens_by_user", "refresh_tokens", ("user_id", "network")),
        Index("refresh_tokens_ended", "refresh_tokens", ("ended_at",)),
        Index("refresh_tokens_expires", "refresh_tokens", ("expires_at",)),
        Index("reminder_mails_by_time", "reminder_mails", ("created_at",)),
        Index("reminder_mails_due", "reminder_mails", ("due_at",), where="due_at IS NOT NULL"),
        Index("reminders_due", "reminders", ("due_at",)),
        Index("reports_decided", "reports", ("decided_at",)),
        Index("reports_open", "reports", ("created_at", "id"), where="state = 'open'"),
        Index("reviews_by_author", "reviews", ("author_id",)),
        Index("reviews_by_practitioner", "reviews", ("practitioner_id",)),
        Index(
            "reviews_of_practitioner", "reviews", ("practitioner_id", "created_at", "id"), where="state = 'published'"
        ),
        Index("services_by_practitioner", "services", ("practitioner_id", "is_active")),
        Index("tickets_expires", "tickets", ("expires_at",)),
        Index("time_off_by_practitioner", "time_off", ("practitioner_id", "ends_at")),
        Index("uploads_of_user", "uploads", ("user_id", "created_at")),
        Index("working_hours_by_practitioner", "working_hours", ("practitioner_id", "weekday")),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=(
        "0001_init.sql",
        "0002_ticket_resume.sql",
        "0003_reminder_mails.sql",
        "0004_open_requests.sql",
        "0005_changed_profiles.sql",
        "0006_erasure.sql",
    ),
)
