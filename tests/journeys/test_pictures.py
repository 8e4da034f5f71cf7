"""The pictures of the README are those that one command takes."""

import re
import struct
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from playwright.sync_api import Browser

from benchmarks import pictures
from benchmarks.pictures import FOLDER, PICTURES, SIZE
from tests import walk
from tests.conftest import AT

ROOT = Path(__file__).resolve().parents[2]


def size_of(file: Path) -> tuple[int, int]:
    wide, high = struct.unpack(">II", file.read_bytes()[16:24])
    return wide, high


def test_the_readme_shows_the_pictures_that_are_taken_and_no_others() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert shown == [str((FOLDER / f"{picture.name}.png").relative_to(ROOT)) for picture in PICTURES]
    assert {file.stem for file in FOLDER.glob("*.png")} == {picture.name for picture in PICTURES}
    assert {size_of(ROOT / name) for name in shown} == {(SIZE["width"], SIZE["height"])}


@pytest.mark.journey
@pytest.mark.look
def test_they_are_taken_of_the_demo(browser: Browser, app: Flask, address: str, demo_register: Path, tmp_path: Path) -> None:
    with walk.over(walk.prepared(demo_register, tmp_path)), time_machine.travel(AT, tick=False):
        taken = list(pictures.take(browser, address, tmp_path))
    assert [file.stem for file in taken] == [picture.name for picture in PICTURES]
    assert {size_of(file) for file in taken} == {(SIZE["width"], SIZE["height"])}
