"""A folder in here is a feature: models, rules, queries, actions, forms, views, commands. A file in here is plumbing.

A feature may use the features on the floors below it, never one above: pyproject.toml lists the floors, the linter checks them.
Start reading at app.py.
"""
