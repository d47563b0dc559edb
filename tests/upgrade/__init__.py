"""Stores as earlier versions left them, with mail in every state; and how they were made."""
