"""Understands: text in, `Understanding` out. Pure: no database, no network except the Rasa client, no clock.

Here: the label contract (`labels`), the two interpreters (`embedded`, later `rasa_client`), the danger screen (`dangers`),
the fact extractor (`facts`), how a bare answer is read (`answers`), training and evaluation.
Not here: what to do about it (bot/dialogue.py), who gets what (actions/eligibility).
"""
