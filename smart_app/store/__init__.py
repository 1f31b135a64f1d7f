"""The app's database: schema `smart_app`, with a login that can read nothing else.

Migrations are the numbered `.sql` files here, applied at first use under an advisory lock; a file
once released is never edited. Statements are named in `queries.sql`.
"""
