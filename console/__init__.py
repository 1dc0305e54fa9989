"""The officers' door: server-rendered pages behind a sign-in. One file and one template folder per noun.

Here: who is signed in and what a form may do (`security`), the queue, referrals, the account.
Not here: the rules of a referral (actions/referrals.py); who sees which one is decided there too, inside the query.
"""
