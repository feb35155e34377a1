"""Caller-scoped rows: tables declared beside their schema, and databases in which only a caller's rows exist."""

from edge.data.conditions import ANONYMOUS, BOUND, MEMBER, OWNER, CallerKind, DeclarationError, kind_of
from edge.data.database import ScopedDatabase, ScopedStatement
from edge.data.schema import Column, Index, Kind, Relation, Schema
from edge.data.sql import Sql, StatementRefused
from edge.data.table import Part, Rows, Table
from edge.data.tables import Tables

__all__ = [
    "ANONYMOUS",
    "BOUND",
    "MEMBER",
    "OWNER",
    "CallerKind",
    "Column",
    "DeclarationError",
    "Index",
    "Kind",
    "Part",
    "Relation",
    "Rows",
    "Schema",
    "ScopedDatabase",
    "ScopedStatement",
    "Sql",
    "StatementRefused",
    "Table",
    "Tables",
    "kind_of",
]
