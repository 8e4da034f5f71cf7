"""What a WSGI server serves: gunicorn --config config/gunicorn.py wsgi:app."""

from coordinator.app import create_app, serve_long

app = create_app()
serve_long()
