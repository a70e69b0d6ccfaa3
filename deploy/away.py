"""The page that nginx shows people while Django is away: complete in itself, in their language, and asking again."""

import base64
import hashlib
from html import escape

LANGUAGES = {
    "en": (
        "Roadstead is not answering just now",
        "It is being restarted, or is busy. What is stored is safe.",
        "This page asks again every few seconds.",
        "What you sent was not carried out, as far as can be told here. Go back and send it again in a moment.",
    ),
    "ja": (
        "Roadstead は現在応答していません",
        "再起動中か、混み合っています。保存済みのデータは安全です。",
        "このページは数秒ごとに自動で再試行します。",
        "送信した内容は実行されていない可能性があります。前のページに戻り、しばらくしてからもう一度送信してください。",
    ),
    "zh": (
        "Roadstead 暂时没有应答",
        "正在重启或者繁忙。已存储的数据是安全的。",
        "本页每隔几秒会自动重试。",
        "您发送的内容可能没有被执行。请返回上一页并稍后再发送一次。",
    ),
}
_TAGS = {"en": "en", "ja": "ja", "zh": "zh-hans"}
# As `portal/static/portal/portal.css` has them.
_STYLE = (
    ":root{color-scheme:light dark}:root[data-bs-theme=light]{color-scheme:light}"
    ":root[data-bs-theme=dark]{color-scheme:dark}"
    "body{margin:0;min-height:100vh;display:grid;place-content:center;justify-items:center;gap:1.5rem;padding:1rem;"
    "box-sizing:border-box;font:1rem/1.6 system-ui,sans-serif;"
    "background:light-dark(oklch(97.6% .004 255),oklch(18% .012 255));"
    "color:light-dark(oklch(25% .012 255),oklch(92% .008 255))}"
    "main{max-width:30rem;padding:1.5rem;border-radius:8px;background:light-dark(#fff,oklch(22.5% .012 255));"
    "border:1px solid light-dark(oklch(91% .008 255),oklch(34% .014 255))}"
    "h1{margin:0 0 .5rem;font-size:1.25rem}p{margin:0}p+p{margin-top:.75rem}"
    "a{color:light-dark(oklch(46% .15 254),oklch(77% .11 254))}b{font-size:1.5rem}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
AGAIN = 5  # seconds


def page(language: str, *, sent: bool) -> str:
    """The page for who asked for one or (`sent`) sent a form. In it `$away_theme` is nginx' to fill in.

    ASCII without apostrophes, short enough for one parameter of nginx (4096 bytes).
    """
    title, words, again, lost = (escape(text) for text in LANGUAGES[language])
    text = (
        f'<!doctype html><html lang="{_TAGS[language]}" data-bs-theme="$away_theme"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        + ("" if sent else f'<meta http-equiv="refresh" content="{AGAIN}">')
        + f"<title>{title}</title><style>{_STYLE}</style></head><body><b>Roadstead</b>"
        f'<main><h1>{title}</h1><p role="status">{words}</p><p>{lost if sent else again}</p></main></body></html>\n'
    )
    return text.encode("ascii", "xmlcharrefreplace").decode()
