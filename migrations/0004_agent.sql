-- What a turn of a chat needs beyond its text: which turn, the tools that were called, how it ended.

ALTER TABLE agent_messages ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_messages ADD COLUMN tool_calls TEXT;
ALTER TABLE agent_messages ADD COLUMN tool_call_id TEXT;
ALTER TABLE agent_messages ADD COLUMN finish_reason TEXT;
ALTER TABLE agent_messages ADD COLUMN error TEXT;

CREATE INDEX agent_messages_turn ON agent_messages (conversation_id, turn);
CREATE INDEX agent_messages_asked ON agent_messages (role, created_at);
