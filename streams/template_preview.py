"""A page that shows a rendered template as a phone and a desktop would, with its text part, sizes and findings."""

from collections.abc import Sequence
from html import escape

from streams.lint import Finding, octets
from streams.render import Rendered

WIDTHS = (("Phone", 375), ("Desktop", 700))
"""Name and width of each view, CSS pixels."""

_POLICY = "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; frame-src 'self'"
"""Frames of srcdoc inherit it: whatever the template holds, no script runs and no form is sent."""

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 2rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; }
h2 { font-size: 1rem; margin: 0 0 .4rem; }
.views { display: flex; flex-wrap: wrap; gap: 2rem; margin: 1.5rem 0; }
iframe { height: 80vh; border: 1px solid #888; background: #fff; max-width: 100%; }
pre { white-space: pre-wrap; border: 1px solid #888; padding: 1rem; max-width: 75ch; }
"""


def preview_page(name: str, rendered: Rendered, findings: Sequence[Finding]) -> str:
    """A whole HTML page, all of it local. The message is in sandboxed frames and can neither run nor navigate."""
    title = escape(f"{name}: {rendered.subject}")
    sizes = f"HTML {octets(rendered.html)} octets, text {octets(rendered.text)} octets"
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{escape(rendered.subject)}</h1>\n<p>Template {escape(name)}. {sizes}.</p>",
            _findings(findings),
            _views(_with_images(rendered)),
            f"<h2>Text part</h2>\n<pre>{escape(rendered.text or 'none')}</pre>\n</body>\n</html>\n",
        )
    )


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "<p>The check found nothing.</p>"
    return "<h2>Findings</h2>\n<ul>\n" + "".join(f"<li>{escape(str(f))}</li>\n" for f in findings) + "</ul>"


def _with_images(rendered: Rendered) -> str | None:
    """A page of its own has no other parts: cid: addresses become data: addresses."""
    html = rendered.html
    for image in sorted(rendered.images, key=lambda i: len(i.content_id), reverse=True):
        media_type = dict(image.part.headers)["Content-Type"]
        content = image.part.body.replace(b"\r\n", b"").decode("ascii")
        html = (html or "").replace(f"cid:{image.content_id}", f"data:{media_type};base64,{content}")
    return html


def _views(html: str | None) -> str:
    if html is None:
        return "<p>No HTML part.</p>"
    views = (
        f'<section><h2>{name}, {width} px</h2>\n<iframe sandbox="" title="{name} view" width="{width}"'
        f' srcdoc="{escape(html)}"></iframe></section>\n'
        for name, width in WIDTHS
    )
    return f'<div class="views">\n{"".join(views)}</div>'
