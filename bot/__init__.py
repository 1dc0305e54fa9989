"""Hears and answers: one inbound message is one turn. Read `turn` first.

Here: the path of a message (`turn`), what a conversation knows (`state`, `memory`), what to do next (`dialogue`), how it is said
(`wording`, with the words in templates/replies), how it leaves (`outbox`), and the doors (`channels`).
Not here: what a message means (nlu/), who may get what (actions/eligibility), what a referral is (actions/referrals.py).
"""
