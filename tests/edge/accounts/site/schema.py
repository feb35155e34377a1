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
            "auth_attempts",
            "key failures!:integer free_at!:real seen_at!:real",
            key=("key",),
        ),
        Relation(
            "notes",
            "id:integer owner_id! text!",
            key=("id",),
            references={"owner_id": "users"},
        ),
        Relation(
            "refresh_tokens",
            "id user_id! counter!:integer rotated_at!:real used_at:real client! network! created_at!:instant "
            "last_used_at!:instant expires_at!:instant ended_at:instant ended_by",
            key=("id",),
            references={"user_id": "users"},
        ),
        Relation(
            "reviews",
            "id:integer author_id author_name text!",
            key=("id",),
            references={"author_id": "users"},
        ),
        Relation(
            "tickets",
            "id actor! role!:integer subjects daily_calls:integer ends_at:real fingerprint expires_at!:instant target "
            "resumes_until created_at:instant updated_at:instant",
            key=("id",),
            expressions={"created_at": "CURRENT_TIMESTAMP", "updated_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "user_passwords",
            "user_id hash! changed_at!:instant",
            key=("user_id",),
            references={"user_id": "users"},
        ),
        Relation(
            "users",
            "id email! email_key! confirmed_at:instant created_at!:instant updated_at!:instant kind!",
            key=("id",),
            unique=(("email_key",),),
            defaults={"kind": "customer"},
        ),
    ),
    indexes=(
        Index("account_links_by_user", "account_links", ("user_id",)),
        Index("account_links_expires", "account_links", ("expires_at",)),
        Index("auth_attempts_seen", "auth_attempts", ("seen_at",)),
        Index("notes_by_owner", "notes", ("owner_id",)),
        Index("refresh_tokens_by_user", "refresh_tokens", ("user_id", "network")),
        Index("refresh_tokens_ended", "refresh_tokens", ("ended_at",)),
        Index("refresh_tokens_expires", "refresh_tokens", ("expires_at",)),
        Index("reviews_by_author", "reviews", ("author_id",)),
        Index("tickets_expires", "tickets", ("expires_at",)),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=("0001_accounts.sql", "0002_notes.sql", "0003_tickets.sql"),
)
