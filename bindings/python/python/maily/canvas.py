"""The core `canvas`: many people edit one campaign canvas at once.

    >>> from maily.canvas import Canvas
    >>> document = Canvas().open("spring")
    >>> title = document.insert_element("text", (24, 24, 552, 48), text="Spring ", size=32)
    >>> document.append_text(title, "sale")
    >>> document.scene()["layers"][0]["elements"][0]["text"]
    'Spring sale'
    >>> "Spring sale" in document.export_html()
    True
"""

from maily import _maily

AsyncCanvas = _maily.canvas.AsyncCanvas
AsyncDocument = _maily.canvas.AsyncDocument
Canvas = _maily.canvas.Canvas
Document = _maily.canvas.Document

__all__ = ["AsyncCanvas", "AsyncDocument", "Canvas", "Document"]
