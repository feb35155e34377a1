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
            "auth_attempts",
            "key failures!:integer free_at!:real seen_at!:real",
            key=("key",),
        ),
        Relation(
            "chat_days",
            "user_id day used!:integer",
            key=("user_id", "day"),
            defaults={"used": 0},
            references={"user_id": "users"},
        ),
        Relation(
            "collections",
            "user_id id status! artist! album! year:integer label catalogue_number format formats!:json genre!:json "
            "style!:json country barcode discogs:json cover media_condition sleeve_condition rating:integer notes "
            "price_paid:json bought_on price_sold:json sold_on market_value:json valued_on date_added tags!:json "
            "folder shelf colour extra!:json field_revs!:json field_by!:json rev!:integer deleted_at:instant "
            "created_at!:instant",
            key=("user_id", "id"),
            unique=(("user_id", "rev"),),
            defaults={
                "status": "owned",
                "artist": "",
                "album": "",
                "formats": "[]",
                "genre": "[]",
                "style": "[]",
                "tags": "[]",
                "extra": "{}",
                "field_revs": "{}",
                "field_by": "{}",
            },
            references={"user_id": "users"},
        ),
        Relation(
            "daily_values",
            "user_id day currency amount!:integer records!:integer",
            key=("user_id", "day", "currency"),
            references={"user_id": "users"},
        ),
        Relation(
            "details_due",
            "user_id record_id import_id! release_id!:integer attempts!:integer due_at!:instant",
            key=("user_id", "record_id"),
            defaults={"attempts": 0},
            references={"user_id": "users"},
        ),
        Relation(
            "imports",
            "user_id id state! source! name! is_wantlist!:boolean encoding! delimiter! layout:json bytes!:integer "
            "parts!:integer chunks!:integer next_chunk!:integer rows_read!:integer rows_new!:integer "
            "rows_same!:integer rows_possible!:integer rows_refused!:integer takes_possible!:integer refusals!:json "
            "possible!:json details_wanted!:integer created_at!:instant updated_at!:instant",
            key=("user_id", "id"),
            defaults={
                "is_wantlist": 0,
                "encoding": "",
                "delimiter": "",
                "bytes": 0,
                "parts": 0,
                "chunks": 0,
                "next_chunk": 0,
                "rows_read": 0,
                "rows_new": 0,
                "rows_same": 0,
                "rows_possible": 0,
                "rows_refused": 0,
                "takes_possible": 0,
                "refusals": "[]",
                "possible": "[]",
                "details_wanted": 0,
            },
            references={"user_id": "users"},
        ),
        Relation(
            "leases",
            "name until!:real",
            key=("name",),
        ),
        Relation(
            "own_covers",
            "key user_id bytes!:integer created_at!:instant",
            key=("key",),
            references={"user_id": "users"},
        ),
        Relation(
            "refresh_tokens",
            "id user_id! counter!:integer rotated_at!:real used_at:real client! network! created_at!:instant "
            "last_used_at!:instant expires_at!:instant ended_at:instant ended_by",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "shares",
            "user_id id token_hash! name! created_at!:instant",
            key=("user_id", "id"),
            unique=(("token_hash",),),
            references={"user_id": "users"},
        ),
        Relation(
            "sync_conflicts",
            "user_id client_id seq:integer n:integer record_id! kind! field kept!:json lost!:json lost_by! "
            "found_at!:instant",
            key=("user_id", "client_id", "seq", "n"),
            references={"user_id": "users"},
        ),
        Relation(
            "sync_heads",
            "user_id epoch! rev!:integer floor!:integer ok!:integer",
            key=("user_id",),
            defaults={"rev": 0, "floor": 0, "ok": 1},
            references={"user_id": "users"},
        ),
        Relation(
            "sync_queue",
            "user_id client_id seq:integer body_hash! answer!:json base!:integer pushed_at!:instant",
            key=("user_id", "client_id", "seq"),
            defaults={"base": 0},
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
            "id email! email_key! confirmed_at:instant created_at!:instant updated_at!:instant",
            key=("id",),
            unique=(("email_key",),),
        ),
    ),
    indexes=(
        Index("account_links_by_user", "account_links", ("user_id",)),
        Index("account_links_expires", "account_links", ("expires_at",)),
        Index("admin_audit_by_time", "admin_audit", ("created_at",)),
        Index("auth_attempts_seen", "auth_attempts", ("seen_at",)),
        Index("chat_days_by_day", "chat_days", ("day",)),
        Index("collections_deleted", "collections", ("deleted_at",), where="deleted_at IS NOT NULL"),
        Index(
            "collections_in_order", "collections", ("user_id", "artist COLLATE NOCASE", "album COLLATE NOCASE", "id")
        ),
        Index("details_due_by_import", "details_due", ("user_id", "import_id")),
        Index("details_due_by_time", "details_due", ("due_at",)),
        Index("details_due_by_user", "details_due", ("user_id", "due_at")),
        Index("imports_by_state", "imports", ("state", "updated_at")),
        Index("imports_by_time", "imports", ("updated_at",)),
        Index("imports_running", "imports", ("user_id",), is_unique=True, where="state = 'running'"),
        Index("leases_by_end", "leases", ("until",)),
        Index("own_covers_by_user", "own_covers", ("user_id", "created_at")),
        Index("refresh_tokens_by_user", "refresh_tokens", ("user_id", "network")),
        Index("refresh_tokens_ended", "refresh_tokens", ("ended_at",)),
        Index("refresh_tokens_expires", "refresh_tokens", ("expires_at",)),
        Index("sync_queue_by_time", "sync_queue", ("pushed_at",)),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=(
        "0001_init.sql",
        "0002_accounts.sql",
        "0003_discogs.sql",
        "0004_imports.sql",
        "0005_chat.sql",
        "0006_details_by_user.sql",
        "0007_daily_values.sql",
        "0008_own_covers.sql",
        "0009_audit.sql",
    ),
)
