"""The shared lists and the accounts as tables: taken out, changed elsewhere, brought in again."""
