"""Commands that answer questions about models as they are."""
