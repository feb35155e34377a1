-- A semicolon; in a comment.
CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, changed INTEGER NOT NULL DEFAULT 0);
CREATE TRIGGER notes_changed AFTER UPDATE OF title ON notes BEGIN
  UPDATE notes SET changed = changed + 1 WHERE id = new.id;
END;
