"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "audit",
            "id:integer kind! subject! actor! outcome! detail! message_id request_id created_at!:instant",
            key=("id",),
            defaults={"detail": ""},
            expressions={"created_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "leases",
            "name until!:real",
            key=("name",),
        ),
        Relation(
            "notices",
            "fingerprint id! kind! subject! title! status! until!:real message_id created_at!:instant",
            key=("fingerprint",),
            unique=(("id",),),
            expressions={"created_at": "CURRENT_TIMESTAMP"},
        ),
        Relation(
            "subscriptions",
            "user_id kind topics!:json created_at!:instant",
            key=("user_id", "kind"),
            defaults={"topics": "[]"},
            expressions={"created_at": "CURRENT_TIMESTAMP"},
        ),
    ),
    indexes=(
        Index("audit_created", "audit", ("created_at",)),
        Index("audit_kind", "audit", ("kind", "id")),
        Index("leases_by_end", "leases", ("until",)),
        Index("notices_by_end", "notices", ("until",)),
        Index("notices_created", "notices", ("created_at",)),
        Index("notices_subject", "notices", ("subject",)),
        Index("subscriptions_kind", "subscriptions", ("kind", "created_at")),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=("0001_init.sql", "0002_retention.sql"),
)
