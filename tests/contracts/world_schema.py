"""The schema as the migrations leave it: written by `make golden`, not by hand."""

from edge.data.schema import Index, Relation, Schema

SCHEMA = Schema(
    relations=(
        Relation(
            "appointments",
            "id:integer customer_id practitioner_id n:integer txt status!",
            key=("id",),
            defaults={"status": "asked"},
        ),
        Relation(
            "capsules",
            "id owner_id visibility n:integer txt",
            key=("id",),
        ),
        Relation(
            "comments",
            "id capsule_id n:integer txt",
            key=("id",),
        ),
        Relation(
            "conversations",
            "id user_id n:integer",
            key=("id",),
        ),
        Relation(
            "docs",
            "id:text:- txt:text:-",
            form="fts",
            shadows=("docs_config", "docs_content", "docs_data", "docs_docsize", "docs_idx"),
        ),
        Relation(
            "drive_view",
            "id vin n:integer txt",
            form="view",
        ),
        Relation(
            "drives",
            "id vin n:integer txt updated_at:instant g",
            key=("id",),
            expressions={"updated_at": "CURRENT_TIMESTAMP"},
            generated=("g",),
        ),
        Relation(
            "logs",
            "id n:integer txt",
            key=("id",),
        ),
        Relation(
            "memberships",
            "user_id team n:integer",
            key=("user_id", "team"),
        ),
        Relation(
            "messages",
            "id conversation_id n:integer txt",
            key=("id",),
        ),
        Relation(
            "practitioners",
            "id user_id n:integer",
            key=("id",),
        ),
        Relation(
            "raw_view",
            "id n:integer txt",
            form="view",
        ),
        Relation(
            "secrets",
            "id n:integer txt",
            key=("id",),
        ),
        Relation(
            "users",
            "id name",
            key=("id",),
        ),
        Relation(
            "vehicles",
            "id name n:integer",
            key=("id",),
            unique=(("name", "id"),),
        ),
    ),
    indexes=(
        Index("appointments_by_customer", "appointments", ("customer_id",)),
        Index("appointments_by_practitioner", "appointments", ("practitioner_id", "n")),
        Index("capsules_by_owner", "capsules", ("owner_id",)),
        Index("capsules_by_visibility", "capsules", ("visibility",)),
        Index("comments_by_capsule", "comments", ("capsule_id",)),
        Index("conversations_by_user", "conversations", ("user_id",)),
        Index("drives_by_vin", "drives", ("vin", "n")),
        Index("drives_with_n", "drives", ("n",), where="n > 3"),
        Index("messages_by_conversation", "messages", ("conversation_id",)),
        Index("practitioners_by_user", "practitioners", ("user_id",)),
        Index("vehicles_by_name", "vehicles", ("name", "id"), is_unique=True),
    ),
    triggers=("drives_changed", "drives_found"),
    others=(),
    migrations=(),
)
