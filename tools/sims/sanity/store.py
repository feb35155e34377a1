"""The dataset: its documents as each perspective shows them, and transactions that change them."""

import copy
import re
import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sims.sanity.documents import Document, is_published, stamp
from sims.sanity.groq import references
from sims.sanity.patches import OPERATIONS, patched, refused
from sims.sanity.refusals import Refused, api_error, mutation_error

type Operation = Literal["create", "update", "delete", "none"]
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_DRAFTS = "drafts."


@dataclass(frozen=True, slots=True)
class Change:
    """A document's change by a transaction; `document` is its present or, if it was deleted, its last state."""

    id: str
    operation: Operation
    document: Document
    transaction: str


@dataclass(slots=True)
class Store:
    """The documents by id. They are replaced and never altered, so a caller may keep them."""

    documents: dict[str, Document] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fill(self, documents: Iterable[Document]) -> None:
        """Have these documents and no other."""
        with self.lock:
            self.documents = {document["_id"]: copy.deepcopy(document) for document in documents}

    def seen(self, perspective: str) -> list[Document]:
        """Return the documents of a perspective, `raw`, `published` or `drafts`, in the order of their ids."""
        with self.lock:
            every = sorted(self.documents.values(), key=lambda document: document["_id"])
        if perspective == "raw":
            return every
        published = [document for document in every if is_published(document["_id"])]
        if perspective == "published":
            return published
        if perspective not in {"drafts", "previewDrafts"}:
            raise api_error(400, f'Invalid perspective "{perspective}"')
        drafts = {
            document["_id"].removeprefix(_DRAFTS): document for document in every if document["_id"].startswith(_DRAFTS)
        }
        documents = {document["_id"]: document for document in published} | drafts
        return [documents[id_] | {"_id": id_, "_originalId": documents[id_]["_id"]} for id_ in sorted(documents)]

    def transact(self, mutations: Sequence[Mapping[str, Any]], transaction: str, *, dry: bool = False) -> list[Change]:
        """Do all mutations or, if one fails, none; return a change for each."""
        with self.lock:
            before = dict(self.documents)
            try:
                changes = [self._numbered(index, mutation, transaction) for index, mutation in enumerate(mutations)]
                self._check_references(changes)
            except Exception:
                self.documents = before
                raise
            if dry:
                self.documents = before
            return changes

    def put(self, document: Document) -> Change:
        """Create or replace a document, without checking references."""
        with self.lock:
            return self._write(dict(document), secrets.token_hex(11))

    def delete(self, id_: str) -> Change | None:
        """Delete a document, without checking references; None if there was none."""
        with self.lock:
            gone = self.documents.pop(id_, None)
            return None if gone is None else Change(id_, "delete", gone, secrets.token_hex(11))

    def _numbered(self, index: int, mutation: Mapping[str, Any], transaction: str) -> Change:
        try:
            return self._mutate(mutation, transaction)
        except Refused as refused:
            raise refused.at(index) from None

    def _mutate(self, mutation: Mapping[str, Any], transaction: str) -> Change:
        operations = {"create": self._create, "createOrReplace": self._write, "createIfNotExists": self._ensure}
        kind, body = next(iter(mutation.items()), ("", None))
        if len(mutation) != 1 or not isinstance(body, dict):
            raise refused("a mutation must be an object with one operation", 400)
        if kind in operations:
            return operations[kind](dict(body), transaction)
        if kind == "patch":
            return self._patch(body, transaction)
        if kind == "delete":
            id_ = _id_of(body, "id")
            gone = self.documents.pop(id_, None)
            return Change(id_, "delete" if gone else "none", gone or {}, transaction)
        raise refused(f'Unknown mutation "{kind}"', 400)

    def _create(self, document: Document, transaction: str) -> Change:
        if document.get("_id") in self.documents:
            description = f'Document by ID "{document["_id"]}" already exists'
            item = {"type": "documentAlreadyExistsError", "description": description, "id": document["_id"]}
            raise mutation_error(409, item)
        return self._write(document, transaction)

    def _ensure(self, document: Document, transaction: str) -> Change:
        there = self.documents.get(_id_of(document, "_id"))
        if there is None:
            return self._write(document, transaction)
        return Change(there["_id"], "none", there, transaction)

    def _write(self, document: Document, transaction: str) -> Change:
        id_ = document.get("_id") or ""
        document["_id"] = id_ = id_ + secrets.token_hex(16) if not id_ or str(id_).endswith(".") else id_
        _id_of(document, "_id")
        if not isinstance(document.get("_type"), str):
            raise refused('Document is missing the attribute "_type"', 400)
        there = self.documents.get(id_)
        now = stamp(datetime.now(UTC))
        created = document.get("_createdAt") or (there or {}).get("_createdAt") or now
        system = {"_createdAt": created, "_updatedAt": now, "_rev": transaction}
        self.documents[id_] = copy.deepcopy(document) | system
        return Change(id_, "update" if there else "create", self.documents[id_], transaction)

    def _patch(self, patch: Mapping[str, Any], transaction: str) -> Change:
        id_ = _id_of(patch, "id")
        there = self.documents.get(id_)
        if there is None:
            description = f'The document with the ID "{id_}" was not found'
            raise mutation_error(409, {"type": "documentNotFoundError", "description": description, "id": id_})
        if unknown := patch.keys() - {"id", "ifRevisionID", *OPERATIONS}:
            raise refused(f"the stand-in knows no patch {', '.join(sorted(unknown))}", 400)
        if patch.get("ifRevisionID", there["_rev"]) != there["_rev"]:
            description = f'Document "{id_}" has unexpected revision ID ("{there["_rev"]}")'
            item = {"type": "documentRevisionIDDoesNotMatchError", "description": description, "id": id_}
            raise mutation_error(409, item)
        self.documents[id_] = patched(there, patch) | {"_updatedAt": stamp(datetime.now(UTC)), "_rev": transaction}
        return Change(id_, "update", self.documents[id_], transaction)

    def _check_references(self, changes: Sequence[Change]) -> None:
        """Refuse to leave a reference without its document, unless it is a weak one."""
        changed = {change.id for change in changes}
        for document in self.documents.values():
            id_ = document["_id"]
            for target in _strong(document):
                if target in self.documents or not {id_, target} & changed:
                    continue
                raise _dangling(id_, target, deleted=target in changed)


def _strong(document: Document) -> set[str]:
    ids: set[str] = set()
    todo: list[Any] = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict) and value.get("_ref") and not value.get("_weak"):
            ids.update(references(value))
        elif isinstance(value, dict | list):
            todo += value.values() if isinstance(value, dict) else value
    return ids


def _dangling(id_: str, target: str, *, deleted: bool) -> Exception:
    if deleted:
        message = f'Document "{target}" cannot be deleted as there are references to it from "{id_}"'
        item = {"type": "documentHasExistingReferencesError", "id": target, "referencingIDs": [id_]}
    else:
        message = f'Document "{id_}" references nonexistent document "{target}"'
        item = {"type": "documentReferenceDoesNotExistError", "id": id_, "referenceID": target}
    return mutation_error(409, {"description": message, **item})


def _id_of(document: Mapping[str, Any], name: str) -> str:
    id_ = document.get(name)
    if not isinstance(id_, str) or not _ID.fullmatch(id_):
        raise refused(f"{name} must be an id, of letters, digits, '.', '_' and '-'", 400)
    return id_
