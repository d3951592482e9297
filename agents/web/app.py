"""The routes: unsubscribe (/u/), click (/c/), open (/o/). No cookies, no redirects but of clicks, nothing cached.

GET and HEAD of /u/ change nothing, since scanners follow every link (standards C6.46); only a POST does.
"""

import base64
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agents.clock import now_ms
from agents.web.desk import BusyError, Desk
from agents.web.metrics import ORDERS, REFUSED, REQUESTS, UNTRACKED
from schemas.event import EventType
from streams.languages import best_language
from streams.mail_links import CLICK_PATH, OPEN_PATH, OPEN_SUFFIX, UNSUBSCRIBE_PATH
from streams.tokens import Fault
from streams.tracking import web_target
from streams.unsubscribe import ONE_CLICK, order_of
from streams.visitors import visitor, wants_no_tracking
from streams.web_page import DEFAULT, content_security_policy, notice_page, unsubscribe_page, words
from streams.web_tokens import CLICK, OPEN, PREFERENCES, UNSUBSCRIBE, WebTrace

MAX_BODY = 16_384
"""Octets of a POST; a one-click form has 26, the page's own a few per list."""

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""A transparent GIF of one pixel."""

_PRIVATE = {
    "Cache-Control": "no-store, private",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_PAGE = {
    **_PRIVATE,
    "Content-Security-Policy": content_security_policy(),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

Handler = Callable[[Request], Awaitable[Response]]


def build_app(desk: Desk) -> Starlette:
    """The ASGI application."""
    routes = (
        Route(UNSUBSCRIBE_PATH + "{token}", _counted("unsubscribe", _unsubscribe(desk)), methods=["GET", "POST"]),
        Route(CLICK_PATH + "{token}", _counted("click", _click(desk)), methods=["GET"]),
        Route(OPEN_PATH + "{token}", _counted("open", _open(desk)), methods=["GET"]),
        Route("/robots.txt", _robots, methods=["GET"]),
    )
    app = Starlette(routes=routes, exception_handlers={404: _missing})
    app.router.redirect_slashes = False
    return app


def _counted(route: str, handler: Handler) -> Handler:
    async def count(request: Request) -> Response:
        response = await handler(request)
        REQUESTS.labels(route, response.status_code).inc()
        return response

    return count


def _unsubscribe(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        trace = desk.read(request.path_params["token"])
        if isinstance(trace, Fault) or trace.kind not in {UNSUBSCRIBE, PREFERENCES}:
            return _refused(request, "unsubscribe", trace)
        if request.method == "POST":
            return await _post(desk, request, trace)
        return _page(unsubscribe_page(_language(request), desk.about(trace), desk.state(trace)))

    return handle


async def _post(desk: Desk, request: Request, trace: WebTrace) -> Response:
    body = await _body(request)
    order = None if body is None else order_of(request.headers.get("content-type", ""), body)
    if order is None:
        return _page(notice_page(_language(request), "unclear"), 413 if body is None else 400)
    try:
        await desk.carry_out(trace, order)
    except BusyError:
        busy = _page(notice_page(_language(request), "later"), 503)
        busy.headers["Retry-After"] = "5"
        return busy
    ORDERS.labels(order.verb).inc()
    if order.verb == ONE_CLICK:  # a program asked: RFC 8058 section 3.1
        return Response("unsubscribed\n", media_type="text/plain", headers=_PRIVATE)
    return _page(unsubscribe_page(_language(request), desk.about(trace), desk.state(trace), order))


async def _body(request: Request) -> bytes | None:
    """The whole body, or None when it is longer than anything that may be meant."""
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return None
    except ClientDisconnect:  # nobody is there to answer; what came is not the whole
        return None
    return body


def _click(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        token = request.path_params["token"]
        trace = desk.read(token)
        if trace is Fault.EXPIRED:
            old = desk.read(token, expired_too=True)
            target = old.link if isinstance(old, WebTrace) and old.kind == CLICK else ""
            return _refused(request, "click", trace, web_target(target))
        target = web_target(trace.link) if isinstance(trace, WebTrace) and trace.kind == CLICK else ""
        if not target or isinstance(trace, Fault):
            return _refused(request, "click", trace)
        _note(desk, request, trace, CLICK, EventType.CLICKED)
        return Response(status_code=302, headers={**_PRIVATE, "Location": target})

    return handle


def _open(desk: Desk) -> Handler:
    async def handle(request: Request) -> Response:
        trace = desk.read(request.path_params["token"].removesuffix(OPEN_SUFFIX))
        if isinstance(trace, WebTrace) and trace.kind == OPEN:
            _note(desk, request, trace, OPEN, EventType.OPENED)
        else:
            REFUSED.labels("open", _fault(trace)).inc()
        # always an image: a broken one would be seen
        return Response(PIXEL, media_type="image/gif", headers=_PRIVATE)

    return handle


def _note(desk: Desk, request: Request, trace: WebTrace, kind: str, event_type: EventType) -> None:
    if wants_no_tracking(request.headers):
        UNTRACKED.labels(kind).inc()
        return
    age_s = now_ms() / 1000 - trace.issued_s
    desk.saw(trace, event_type, visitor(kind, request.method, request.headers, age_s))


def _refused(request: Request, route: str, fault: object, target: str = "") -> Response:
    """A friendly page; nothing has changed."""
    REFUSED.labels(route, _fault(fault)).inc()
    expired = fault is Fault.EXPIRED
    return _page(notice_page(_language(request), "expired" if expired else "invalid", target), 410 if expired else 404)


def _fault(found: object) -> str:
    """A token that is good for something else is counted as such."""
    return found.value if isinstance(found, Fault) else "other_kind"


def _page(html: str, status: int = 200) -> Response:
    return Response(html, status, media_type="text/html", headers=_PAGE)


def _language(request: Request) -> str:
    ours = words()
    chosen = request.query_params.get("lang", "")
    return chosen if chosen in ours else best_language(request.headers.get("accept-language", ""), ours, DEFAULT)


async def _robots(request: Request) -> Response:
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


async def _missing(request: Request, error: Exception) -> Response:
    return _page(notice_page(_language(request), "invalid"), 404)
