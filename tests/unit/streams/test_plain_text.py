import pytest

from streams.plain_text import plain_text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", ""),
        ("<p>Hello</p>", "Hello"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<h1>Title</h1>\n\n   <p>Some\n  text</p>", "Title\n\nSome text"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<div><div><div>a</div></div></div><div>b</div>", "a\nb"),
        ("<ul><li>a</li><li>b <b>c</b></li></ul>", "- a\n- b c"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ('<a href="https://a.test/?a=1&amp;b=2">click</a> now', "click <https://a.test/?a=1&b=2> now"),
        ('<a href="https://a.test">https://a.test</a>', "https://a.test"),
        ('<a href="#top">up</a>', "up"),
        ("<a>nothing</a>", "nothing"),
        ('<a href="mailto:a@b.test">write</a>', "write <a@b.test>"),
        ('<img src="x" alt="Our logo">', "Our logo"),
        ('<img src="x"><img src="y" alt>', ""),
        ("<p>x&nbsp;&amp;&lt;y&gt;&euro;</p>", "x &<y>€"),
        ("<html><head><title>t</title><style>p{}</style></head><body>b<script>s()</script></body></html>", "b"),
        ('<div style="display: NONE">x</div><div hidden>y</div>z', "z"),
        ('<span style="max-height:0px;opacity:0.8">x</span>y', "y"),
        ('<span style="opacity:0.8;font-size:0.9em">x</span>', "x"),
        (
            '<i style="font-size:0">x</i><i style="color:red; font-size: 0PX !important">y</i>',
            "",
        ),
        (
            '<div style="font-size:0px">x<p style="font-size:13px">y<b style="font-size:0">z</b>a</p>b</div>c',
            "ya\n\nc",
        ),
        ('<div style="font-size:0"><a href="https://a.test"><img alt="Logo"></a></div>', "Logo <https://a.test>"),
        ('<div style="mso-hide:all">x</div>y', "y"),
        ("a\u200b\u200c\ufeff&#847;b", "ab"),
        ("<!-- comment --><p>x</p><!--[if mso]>y<![endif]-->", "x"),
        ("<p>not closed <b>at all", "not closed at all"),
        ("1 < 2", "1 < 2"),
    ],
)
def test_plain_text(html: str, expected: str) -> None:
    assert plain_text(html) == expected


def test_nesting_of_any_depth_is_harmless() -> None:
    assert plain_text("<div>" * 3000 + "x").strip() in {"x", ""}
    assert plain_text("<b>" * 3000 + "x") == "x"
