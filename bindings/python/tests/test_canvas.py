"""Documents, in memory and in a file, blocking and not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from maily.canvas import AsyncCanvas, Canvas
from maily.errors import Code, MailyError


def test_document_is_edited_and_exported() -> None:
    document = Canvas().open("spring")

    title = document.insert_element("text", (24, 24, 552, 48), text="Spring ", size=32)
    document.append_text(title, "👋")
    document.move_element(title, (24.0, 80.0, 552.0, 48.0))
    button = document.insert_element(
        "button", (24, 160, 200, 48), id="go", text="Go", href="https://example.com/?a=1&b=2", fill="#1d4ed8"
    )

    layer = document.scene()["layers"][0]
    assert document.name == "spring"
    assert [element["id"] for element in layer["elements"]] == [title, button]
    assert layer["elements"][0]["text"] == "Spring 👋"
    assert layer["elements"][0]["geom"] == [24.0, 80.0, 552.0, 48.0]
    assert "a=1&amp;b=2" in document.export_html()
    assert document.export_svg().startswith("<svg ")


def test_document_in_a_file_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "canvas.redb"
    canvas = Canvas(path)
    document = canvas.open("spring")
    document.insert_element("text", (0, 0, 100, 20), id="title", text="kept")
    with pytest.raises(MailyError) as locked:
        Canvas(path)
    assert canvas.documents() == ["spring"]

    del canvas, document

    again = reopened(path).open("spring")
    again.set_text("title", "kept and changed")
    assert again.scene()["layers"][0]["elements"][0]["text"] == "kept and changed"
    assert locked.value.code == Code.STORE_LOCKED


def reopened(path: Path) -> Canvas:
    """The room closes the file in its own time, right after its last handle is gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            return Canvas(path)
        except MailyError as error:
            if error.code != Code.STORE_LOCKED:
                raise
    raise AssertionError("the file stays open")


def test_async_document_does_the_same() -> None:
    async def run() -> None:
        canvas = AsyncCanvas()
        document = await canvas.open("spring")
        ids = await asyncio.gather(*(document.insert_element("shape", (0, n * 10, 100, 10)) for n in range(20)))
        await document.remove_element(ids[0])
        scene = await document.scene()
        assert sorted(element["id"] for element in scene["layers"][0]["elements"]) == sorted(ids[1:])
        assert await canvas.documents() == ["spring"]
        assert "<svg " in await document.export_svg()
        assert "<!doctype html>" in await document.export_html()

    asyncio.run(run())


def test_wrong_values_are_named() -> None:
    document = Canvas().open("spring")

    with pytest.raises(MailyError) as scheme:
        document.insert_element("button", (0, 0, 1, 1), href="javascript:alert(1)")
    with pytest.raises(MailyError) as missing:
        document.set_text("nobody", "text")
    with pytest.raises(MailyError) as name:
        Canvas().open("../etc/passwd")

    assert scheme.value.code == Code.SCENE_INVALID
    assert missing.value.code == Code.NOT_FOUND
    assert name.value.code == Code.DOCUMENT_NAME
