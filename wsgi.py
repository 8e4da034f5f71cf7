"""What a WSGI server serves: gunicorn --config config/gunicorn.py wsgi:app."""

from coordinator.app import create_app

app = create_app()
