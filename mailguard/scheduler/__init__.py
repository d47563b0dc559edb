"""Wakes exactly when something is due, claims it, lets the courier carry it, and settles the outcome."""
