"""Options of `template put` and `template check` that make a template lighter, and the sizes before and after."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from agents.cli.output import fail

if TYPE_CHECKING:
    from agents.template_files import TemplateSource
    from schemas.records import Template, TemplateImage

Inline = Annotated[bool, typer.Option("--inline-css", help="Write the rules of style blocks into the elements.")]
Minify = Annotated[bool, typer.Option("--minify", help="Take needless space and comments out of the HTML.")]
Shrink = Annotated[bool, typer.Option("--shrink-images", help="Recompress images and take their metadata out.")]
Side = Annotated[int, typer.Option("--image-side", min=1, help="Longest side of an image afterwards, pixels.")]
Quality = Annotated[int, typer.Option("--image-quality", min=1, max=95, help="Quality of JPEG afterwards.")]

SIDE, QUALITY = 1200, 80
"""Twice the 600 pixels that a mail is wide, for screens with twice the pixels."""


class Slimming(NamedTuple):
    """What is asked for."""

    css: bool = False
    small: bool = False
    images: bool = False
    side: int = SIDE
    quality: int = QUALITY


def slimmed(source: "TemplateSource", wanted: Slimming) -> "Template":
    """What `put` writes with these options, and how sizes changed; ends the command when it cannot be done."""
    from streams.lint import octets  # noqa: PLC0415
    from streams.slim import CannotSlim, slim  # noqa: PLC0415

    template = source.template
    if source.mjml is not None:
        typer.echo(f"{template.id}: MJML {source.mjml} octets, compiled to HTML {octets(template.html)} octets")
    found = slim(template, wanted.css, wanted.small)
    if isinstance(found, CannotSlim):
        fail(f"template {template.id}: CSS cannot be inlined: {found.reason}")
    if wanted.css or wanted.small:
        typer.echo(f"{template.id}: HTML source {octets(template.html)} octets before, {octets(found.html)} after")
    if not wanted.images:
        return found
    return found._replace(images=tuple(_shrunk(template.id, image, wanted) for image in template.images))


def _shrunk(template_id: str, image: "TemplateImage", wanted: Slimming) -> "TemplateImage":
    from streams.images import ImageError, ImageLimits, shrink  # noqa: PLC0415

    found = shrink(image.name, image.content, ImageLimits(wanted.side, wanted.quality))
    if isinstance(found, ImageError):
        fail(f"template {template_id}: {found}")
    before, after = found.before, found.after
    typer.echo(
        f"{template_id}: {image.name} {len(image.content)} octets, {before.width} x {before.height} before, "
        f"{len(found.data)} octets, {after.width} x {after.height} after"
        + (" (it moves: left as it is)" if before.animated else "")
    )
    return image._replace(content=found.data)
