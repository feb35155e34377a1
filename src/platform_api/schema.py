"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "leases",
            "name until!:real",
            key=("name",),
        ),
        Relation(
            "passages",
            "id document_id! kind! slug! title! text! folded! digest! vector vector_of model",
            key=("id",),
        ),
        Relation(
            "submissions",
            "id form! status! fingerprint! fields!:json sanity_at:instant announced_at:instant attempts!:integer fault "
            "created_at!:instant",
            key=("id",),
            defaults={"status": "received", "attempts": 0},
            expressions={"created_at": "CURRENT_TIMESTAMP"},
        ),
    ),
    indexes=(
        Index("leases_by_end", "leases", ("until",)),
        Index("submissions_by_fingerprint", "submissions", ("fingerprint", "created_at")),
        Index("submissions_by_status", "submissions", ("status", "created_at")),
        Index("submissions_by_time", "submissions", ("created_at",)),
        Index(
            "submissions_to_deliver",
            "submissions",
            ("created_at",),
            where="status = 'received' AND (sanity_at IS NULL OR announced_at IS NULL)",
        ),
    ),
    triggers=(),
    others=("d1_migrations",),
    migrations=("0001_init.sql", "0002_retention.sql"),
)
