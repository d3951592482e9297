"""A template as files in one folder: subject.txt, preheader.txt, message.html, message.txt; sample.json beside them."""

from collections.abc import Mapping

from schemas.records import ANY, Template

FILES = {"subject.txt": "subject", "preheader.txt": "preheader", "message.html": "html", "message.txt": "text"}
"""File name -> field of Template. Only subject.txt and one of the messages are needed."""

SAMPLE = "sample.json"
"""Variables to try the template with."""


def from_files(
    template_id: str, version: int, texts: Mapping[str, str], tenant: str = ANY, created_at: int = 0, author: str = ""
) -> Template:
    """The template of texts by file name; other names are ignored. Nothing is checked: see check_template."""
    fields = {field: texts[name] for name, field in FILES.items() if name in texts}
    return Template(
        id=template_id,
        version=version,
        tenant=tenant,
        subject=fields.get("subject", "").strip(),
        preheader=fields.get("preheader", "").strip(),
        text=fields.get("text"),
        html=fields.get("html"),
        created_at=created_at,
        author=author,
    )
