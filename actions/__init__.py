"""Does: hints, referrals, routing, the directory, households, officers. The caller commits.

Here: everything that may happen to a person's case, as functions over a session with the time passed in.
Not here: what was said (nlu/), what is answered (bot/), how it looks (console/, templates/).
"""
