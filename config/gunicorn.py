"""How gunicorn serves in production: `gunicorn --config config/gunicorn.py wsgi:app`, behind a proxy that ends TLS."""

import multiprocessing
import os

bind = os.environ.get("COORDINATOR_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("COORDINATOR_PROCESSES", min(2 * multiprocessing.cpu_count(), 8)))
worker_class = "gthread"
threads = 8  # as many as the pool of the database holds: pool_size in the settings
timeout = 60
graceful_timeout = 30
keepalive = 5
max_requests = 5_000  # a process is renewed now and then, and not all at the same moment
max_requests_jitter = 500
limit_request_line = 4_094
limit_request_fields = 60
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # the heartbeat must not wait for a disk
forwarded_allow_ips = os.environ.get("COORDINATOR_PROXY", "127.0.0.1")
accesslog = None  # the application writes one line per request, without addresses of pages that are secrets
errorlog = "-"
control_socket_disable = True  # one way in less
