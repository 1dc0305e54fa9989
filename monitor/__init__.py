"""The register's door: a whole register is compared with the law, and what stands out becomes a warning.

Here, from the screening issue on: `load`, `link`, `compare`, `warnings`, and one SQL file for each question.
Not here: the conditions themselves (policy/programmes), what becomes of a warning's referral (actions/referrals.py).
"""
