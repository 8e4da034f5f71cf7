"""Takes the pictures of README.md anew, from a demo of their own: python -m benchmarks.pictures [FOLDER]."""

import argparse
import base64
import logging
import os
import secrets
import shutil
import struct
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import time_machine
import waitress
from alembic import command as alembic
from flask import Flask
from flask.cli import ScriptInfo
from playwright.sync_api import Browser, Page, sync_playwright
from waitress import wasyncore

from coordinator.app import create_app
from coordinator.cli import migrations, root
from coordinator.db import db
from coordinator.demo.commands import PASSWORD

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
AT = datetime(2026, 11, 30, 8, tzinfo=UTC)
"""The moment at which the demo is loaded and looked at, so that a picture changes with the product and not with the day."""
SIZE = {"width": 1440, "height": 900}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (  # nothing is fetched but what a page asks for
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Picture:
    """A page as one person of the demo sees it: who signs in, and what they do until it is there."""

    name: str
    who: str
    opens: Callable[[Page], None]


def log(page: Page) -> None:
    """Begin a position that another unit's yes cannot stand beside."""
    page.goto("/positions/log")
    page.get_by_label("Title").fill("No door into encrypted messages")
    page.get_by_label("Line to take").fill(
        "We will not accept any pledge or treaty that weakens end-to-end encryption, nor scanning of phones for known images."
    )
    page.get_by_role("radio", name="Red line", exact=True).check()
    question = page.get_by_role("combobox", name="Question")
    question.press_sequentially("known images")
    page.get_by_role("option").first.click()
    page.locator("#check").get_by_text("Critical").first.wait_for()


def overlap(page: Page) -> None:
    """Open two papers on the same help for the same people."""
    page.goto("/overlaps?kind=duplication")
    page.locator("li.item", has_text="Helpline for reporters").locator(".overlap-title a").first.click()
    page.get_by_role("heading", name="Who knows").wait_for()


def butterfly(page: Page) -> None:
    """Open a topic that cuts across the ministry, with wings on which nobody is."""
    page.goto("/butterfly")
    page.locator("main").get_by_role("link", name="Legal and regulatory").first.click()
    page.get_by_role("heading", name="Legal and regulatory and its wings").wait_for()


PICTURES = (
    Picture("log", "j.moreau@ministry.example", log),
    Picture("overlap", "a.ferreira@ministry.example", overlap),
    Picture("butterfly", "k.brandt@ministry.example", butterfly),
)


def take(browser: Browser, address: str, folder: Path) -> Iterator[Path]:
    """Take every picture of a demo that is served at an address, one after the other."""
    for picture in PICTURES:
        context = browser.new_context(
            base_url=address, viewport=SIZE, color_scheme="light", locale="en-GB", reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(picture.who)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Password").press("Enter")
        page.get_by_role("navigation", name="Main").wait_for()
        picture.opens(page)
        page.wait_for_load_state("networkidle")
        file = folder / f"{picture.name}.png"
        file.write_bytes(small(browser, page.screenshot(animations="disabled", caret="hide")))
        context.close()
        yield file


# --- a page has few colours: with a list of 256 of them, its picture is a third as large -------------------------------------

PIXELS = """async (picture) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    const bytes = pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
    const parts = [];
    for (let at = 0; at < bytes.length; at += 32768) parts.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
    return btoa(parts.join(""));
}"""


def small(browser: Browser, png: bytes) -> bytes:
    """Return a picture with 256 of its colours, every other one as the nearest of these."""
    page = browser.new_page()
    read = base64.b64decode(page.evaluate(PIXELS, base64.b64encode(png).decode()))
    page.close()
    pixels = np.frombuffer(read, np.uint8).reshape(SIZE["height"], SIZE["width"], 4)[..., :3].astype(np.int32)
    colours, which, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    misfit, nearest, palette = np.full(len(colours), 3 * 256**2), np.zeros(len(colours), np.uint8), []
    for number in range(256):  # always the colour that the ones before it serve worst, over all places where it stands
        palette.append(colours[np.argmax(misfit * counts)])
        distance = ((colours - palette[-1]) ** 2).sum(axis=1)
        nearest[distance < misfit] = number
        misfit = np.minimum(misfit, distance)
    rows = nearest[which.reshape(-1)].reshape(SIZE["height"], SIZE["width"])
    unfiltered = np.pad(rows, ((0, 0), (1, 0))).tobytes()
    head = struct.pack(">IIBBBBB", SIZE["width"], SIZE["height"], 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", np.array(palette, np.uint8).tobytes()),
        (b"IDAT", zlib.compress(unfiltered, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, data) for name, data in parts)


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# --- the demo that they are taken of -----------------------------------------------------------------------------------------


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free loopback port, by the server that also serves it in earnest; yield its address."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4, ident=None)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            wasyncore.loop(timeout=0.2, map=sockets, count=1)

    thread = threading.Thread(target=serve, name="web")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stop.set()
        thread.join()
        server.task_dispatcher.shutdown()
        for opened in list(sockets.values()):
            opened.close()


@contextmanager
def demo() -> Iterator[Flask]:
    """Yield the application over a demo of its own, at the moment of the pictures; nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder, time_machine.travel(AT, tick=False):
        url = f"sqlite:///{folder}/register.sqlite"
        alembic.upgrade(migrations(url), "head")
        jobs = f"sqlite:///{folder}/jobs.sqlite"
        app = create_app(environment="development", secret_key=secrets.token_hex(32), database_url=url, jobs_url=jobs)
        logging.disable(logging.WARNING)
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(open(os.devnull, "w")))  # noqa: SIM115 - as long as we run
        loaded = app.test_cli_runner().invoke(
            root, ["demo", "load"], obj=ScriptInfo(create_app=lambda: app, set_debug_flag=False), catch_exceptions=False
        )
        if loaded.exit_code:
            raise SystemExit(loaded.output)
        try:
            yield app
        finally:
            db.stop()


def main(words: list[str] | None = None) -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the pictures go (default: docs/pictures)")
    folder = asked.parse_args(words).folder
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        sys.exit(f"The pictures are taken with Chromium, and none is on this machine: none of {', '.join(CHROMIUM)}.")
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as app, served(app) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(QUIET))
        try:
            for file in take(browser, address, folder):
                print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
