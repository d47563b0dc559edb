"""Answers to notices: mail to our own address, which acts instead of going on."""

from mailguard.answers.answers import Answers

__all__ = ["Answers"]
