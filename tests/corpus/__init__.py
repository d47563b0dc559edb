"""A firm's week of outgoing mail, and what the shipped policy makes of it: `python -m tests.corpus` prints it.

`mails/` is the ordinary mail of the week, `slips/` what must be noticed (`caught.txt` names the rules), both as their
clients handed them in. `Return-Path: <>` on top stands for the null sender, `Bcc` for recipients nobody sees.
`history.txt` and `people.yaml` are what was before.
"""
