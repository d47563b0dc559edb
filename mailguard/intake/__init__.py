"""Mail comes in: facts, verdict, and one commit of everything that was decided."""
