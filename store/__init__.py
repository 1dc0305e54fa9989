"""The floor: tables, how they are opened, what is encrypted in them, and their migrations.

Here: `models` (mapped classes), `session` (engine and sessions), `vault` (encryption at rest), `migrations` (Alembic).
Not here: any rule about when a row may change. That is in actions/ and bot/.
"""
