"""The doors through which messages come and replies leave. Each turns its provider's words into ours and back; no rule lives here."""
