#!/usr/bin/env python3
"""Follows links from a page on, ten requests at a time: crawler.py [URL]

Without an address it crawls a small site of its own, whose pages take 50 ms each. `urlopen` is the
standard library's: what it waits in is patched, which may be done after it was imported.
"""

import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Set
from urllib import request
from urllib.parse import urljoin

import greenhub as eventlet

LINK = re.compile(r'href="([^"#]+)"')
PAGES = 31


def fetch(url: str, found: "eventlet.Queue[str]") -> None:
    # A page that takes too long is given up silently.
    with eventlet.Timeout(10, False):
        with request.urlopen(url) as response:
            text = response.read().decode("utf-8", "replace")
        for link in LINK.findall(text):
            found.put(urljoin(url, link))


def crawl(start: str) -> Set[str]:
    pool, found, seen = eventlet.GreenPool(10), eventlet.Queue[str](), set()
    found.put(start)
    while True:
        while not found.empty():
            url = found.get()
            # Pages of the same site only.
            if url not in seen and url.startswith(start):
                seen.add(url)
                pool.spawn_n(fetch, url, found)
        if not pool.running():
            return seen
        # Until somebody has found something, or nobody is looking any more.
        eventlet.sleep(0.01)


class Page(BaseHTTPRequestHandler):
    """Page n leads to the pages 2n + 1 and 2n + 2."""

    def do_GET(self) -> None:
        time.sleep(0.05)
        number = int(self.path[1:] or 0)
        links = [page for page in (2 * number + 1, 2 * number + 2) if page < PAGES]
        body = "".join('<a href="/%d">' % page for page in links).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Site(ThreadingHTTPServer):
    # As many may knock at once as the crawler sends.
    request_queue_size = 64


def main() -> None:
    eventlet.monkey_patch()
    if len(sys.argv) > 1:
        start = sys.argv[1]
    else:
        site = Site(("127.0.0.1", 0), Page)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        start = "http://127.0.0.1:%d/" % site.server_port
    began = time.monotonic()
    seen = crawl(start)
    print("%d pages in %.2f s" % (len(seen), time.monotonic() - began))


if __name__ == "__main__":
    main()
