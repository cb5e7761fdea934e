"""The authority's website as parsers and browsers see it.

    authority_pages.py PRINT_PAGE            well-formed, whole in itself, accessible, the same figures in all forms
    authority_pages.py PRINT_PAGE --served   as a running frank-authority serves it
    authority_pages.py PRINT_PAGE --browser  in Chromium: no sideways scrolling, contrast, nothing fetched

PRINT_PAGE is the test program that makes pages of sample views. FRANK_SCREENSHOTS, where set, names a
folder that keeps the pictures."""

import base64
import collections
import csv
import hashlib
import html
import html.parser
import io
import json
import math
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

from authority_support import PATIENCE_S, Authority, verb
from cli_support import frank, read, sample
from harness import Frankd, Skip, program, run, wait_until

PRINT_PAGE = sys.argv[1]
RANGES = ("1m", "6m", "2y", "all")
SEEDS = tuple(str(seed) for seed in range(1, 16))
HOSTILE = ("hostile",) + SEEDS
VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
SVG = "{http://www.w3.org/2000/svg}"
# Text on background, by the names of the styles' colours: WCAG 2.1, success criterion 1.4.3.
PAIRS = (("fg", "bg"), ("soft", "bg"), ("mark", "bg"), ("bg", "mark"), ("fg", "box"))
CONTRAST = 4.5


def ask(*args):
    done = subprocess.run([PRINT_PAGE, *args], capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0 and done.stderr == b"", done
    return done.stdout.decode("utf-8")


def views():
    return ask("list").split()


class Page(html.parser.HTMLParser):
    """A page's elements in order, and whether they are nested as they are closed."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.elements = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def named(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


def local(name):
    """An element's name without its namespace."""
    return name.rsplit("}", 1)[-1]


def every_page_is_well_formed():
    for view in (*views(), *SEEDS):
        for name in RANGES:
            text = ask("/", name, view)
            assert text.startswith("<!DOCTYPE html>\n<html lang=\"en\">"), text[:80]
            Page(text)
            ElementTree.fromstring(text)
            plot = ElementTree.fromstring(ask("/history.svg", name, view))
            assert plot.tag == SVG + "svg" and plot.find(f".//{SVG}title").text, plot
            assert plot.find(f".//{SVG}path").attrib["d"].startswith("M")
        if view not in HOSTILE:
            for name in RANGES:
                assert len(ask("/", name, view).encode()) < 40000, (view, name)


def nothing_comes_from_elsewhere():
    for view in (*views(), *SEEDS):
        for text in (ask("/", "all", view), ask("/history.svg", "all", view)):
            tree = ElementTree.fromstring(text)
            for element in tree.iter():
                tag = local(element.tag)
                assert tag not in ("script", "iframe", "object", "embed", "img", "image", "base",
                                   "form", "use", "foreignObject"), tag
                for name, value in element.attrib.items():
                    name = local(name)
                    assert not name.startswith("on") and name not in ("style", "src", "srcset"), name
                    if name == "href":
                        assert re.fullmatch(r"#[a-z0-9-]+|\?range=\w+#history|history\.\w+(\?range=\w+)?"
                                            r"|\.well-known/msmr/[a-z.]+|data:image/svg\+xml,.*",
                                            value), value
                if tag == "style":
                    assert "url(" not in element.text and "@import" not in element.text


def people_who_do_not_see_find_their_way():
    for view in views():
        page = Page(ask("/", "6m", view))
        ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
        assert len(ids) == len(set(ids)), ids
        assert len(page.named("h1")) == len(page.named("main")) == len(page.named("title")) - 1 == 1
        assert len(page.named("header")) == len(page.named("footer")) == 1
        assert all(nav.get("aria-label") for nav in page.named("nav"))
        for _, attrs in page.elements:
            for target in attrs.get("aria-labelledby", "").split():
                assert target in ids, target
            if attrs.get("href", "").startswith("#"):
                assert attrs["href"][1:] in ids, attrs
        assert all(section.get("aria-labelledby") for section in page.named("section"))
        assert all(cell.get("scope") in ("row", "col") for cell in page.named("th"))
        assert len(page.named("table")) == len(page.named("caption"))
        plots = [attrs for attrs in page.named("svg") if attrs.get("role") == "img"]
        assert len(plots) == 1 and plots[0]["aria-labelledby"] == "plot-title plot-desc"
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time["datetime"])
                   for time in page.named("time"))


def all_forms_have_the_same_figures():
    for view in (*views(), *SEEDS):
        told = json.loads(ask("/history.json", "1m", view))
        rows = list(csv.DictReader(io.StringIO(ask("/history.csv", "1m", view), newline="")))
        assert told["v"] == 1 and len(rows) == len(told["epochs"])
        for row, epoch in zip(rows, told["epochs"]):
            assert int(row["epoch"]) == epoch["epoch"] and int(row["factor"]) == epoch["factor"]
            assert int(row["issued"]) == epoch["issued"]
            assert float(row["bits"]) == epoch["bits"]
            assert abs(epoch["bits"] - math.log2(epoch["factor"])) < 0.0051, epoch
            reason = epoch["reason"]
            assert row["reason"] == ("'" if reason[:1] in tuple("=+-@") else "") + reason, row
        tree = ElementTree.fromstring(ask("/", "1m", view))
        cells = [row.findall("td")[0].text.strip().replace(",", "") for row in
                 tree.findall(".//table[@class='epochs']/tbody/tr")]
        newest = [str(epoch["factor"]) for epoch in reversed(told["epochs"])]
        assert cells == newest[:50], (cells, newest)


def the_plot_ends_at_the_factor_in_force():
    for view in views():
        told = json.loads(ask("/history.json", "1m", view))["epochs"]
        for name in RANGES:
            tree = ElementTree.fromstring(ask("/history.svg", name, view))
            path = tree.find(f".//{SVG}path").attrib["d"]
            x, y = map(int, re.match(r"M(\d+) (\d+)", path).groups())
            for direction, by in re.findall(r"([hv])(-?\d+)", path):
                x += int(by) if direction == "h" else 0
                y += int(by) if direction == "v" else 0
            inner = tree.find(f".//{SVG}path/..")
            assert x == 1000 and 0 <= y <= int(inner.attrib["height"]), (view, name, x, y)
            mark = tree.find(f".//{SVG}circle")
            assert int(mark.attrib["cy"]) == y + int(inner.attrib["y"]), (view, name)
            # Heights go by the logarithm: the scale's own lines say which height is how many bits.
            lines = [int(line.attrib["y1"]) for line in tree.iter(SVG + "line")
                     if line.attrib["x1"] == "0"]
            bits = [int(text.text.split()[0]) for text in tree.iter(SVG + "text")
                    if re.fullmatch(r"\d+ bits?", text.text or "")]
            assert len(bits) == len(lines) >= 2, (bits, lines)
            slope = (lines[-1] - lines[0]) / (bits[-1] - bits[0])
            wanted = lines[0] + (math.log2(told[-1]["factor"]) - bits[0]) * slope
            assert abs(wanted - int(mark.attrib["cy"])) <= 1, (view, name, wanted, mark.attrib)


def the_policy_allows_the_styles_and_nothing_else():
    policy = ask("csp").strip()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == rules.pop("base-uri") == "'none'", policy
    assert rules.pop("form-action") == rules.pop("frame-ancestors") == "'none'", policy
    assert rules.pop("img-src") == "'self' data:", policy
    wanted = set()
    for path in ("/", "/history.svg"):
        for view in ("ordinary", "hostile", "1"):
            tree = ElementTree.fromstring(ask(path, "1m", view))
            styles = [element.text for element in tree.iter() if local(element.tag) == "style"]
            assert len(styles) == 1
            digest = hashlib.sha256(styles[0].encode()).digest()
            wanted.add(f"'sha256-{base64.b64encode(digest).decode()}'")
    assert set(rules.pop("style-src").split()) == wanted and not rules, (policy, wanted)


def luminance(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def both_colour_schemes_are_readable():
    for path in ("/", "/history.svg"):
        style = re.search("<style>(.*)</style>", ask(path, "1m", "one"), re.DOTALL).group(1)
        palettes = re.findall(r"(?:root|svg) \{([^}]*--bg[^}]*)\}", style)
        assert len(palettes) == (3 if path == "/" else 2), palettes  # light, dark, and print
        for palette in palettes:
            colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", re.sub(r"#(\w)(\w)(\w);",
                                                                        r"#\1\1\2\2\3\3;", palette)))
            for text, ground in PAIRS:
                if {text, ground} <= colours.keys():
                    a, b = sorted((luminance(colours[text]), luminance(colours[ground])))
                    assert (b + 0.05) / (a + 0.05) >= CONTRAST, (path, text, ground, colours)


# ---- served ----


TYPES = {"/": "text/html; charset=utf-8", "/history.svg": "image/svg+xml; charset=utf-8",
         "/history.csv": "text/csv; charset=utf-8; header=present",
         "/history.json": "application/json"}


def a_running_authority_serves_all_of_it():
    with Authority(["--factor", "1000000"]) as authority:
        verb(authority.state, "publish", "--factor", "1500000", "--reason", "a <b> & a 'c'")
        authority.wait_epoch(2)
        for path, content_type in TYPES.items():
            for name in RANGES:
                status, headers, body = authority.ask(f"{path}?range={name}")
                if path in ("/history.csv", "/history.json"):
                    name = "1m"  # these have no ranges
                    status, headers, body = authority.ask(path)
                assert status == 200 and headers["Content-Type"] == content_type, (path, headers)
                assert headers["Content-Security-Policy"] == ask("csp").strip(), headers
                assert headers["X-Content-Type-Options"] == "nosniff", headers
                if path in ("/", "/history.svg"):
                    ElementTree.fromstring(body)
        page = authority.ask("/")[2]
        Page(page)
        assert "<small>A stamp takes</small> 1.5 million <small>attempts, 20.5 bits" in page, page
        assert "1 million attempts, 19.9 bits (epoch 1) <small>Stamps that meet it count" in page
        assert "a &lt;b&gt; &amp; a &#39;c&#39;" in page and "+50.0%" in page
        assert json.loads(authority.ask("/.well-known/msmr/keys")[2])["keys"][0]["kid"] in page
        for link in re.findall(r'href="([^"#]+)', page):
            if not link.startswith("data:"):
                target = "/" + link
                assert authority.ask(target)[0] == 200, target


def the_lines_on_the_page_do_what_they_say():
    """Copied from the page into a shell, with the addresses of this test."""
    with Authority(["--factor", "3000"]) as authority:
        tree = ElementTree.fromstring(authority.ask("/")[2])
        config, daemon, mint, verify, record, whole = (
            "".join(line.itertext()).replace("ADDRESS", f"http://127.0.0.1:{authority.port}")
            for line in tree.iter("pre"))
        with tempfile.TemporaryDirectory(prefix="frank-pages-") as folder:
            with open(f"{folder}/frankd.conf", "w", encoding="utf-8") as file:
                file.write(config)
            done = subprocess.run([program("frankd"), "--config", f"{folder}/frankd.conf", "--check"],
                                  capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            assert done.returncode == 0, done
            command = shlex.split(daemon)
            assert command[0] == "frankd" and command[-1] in config, (daemon, config)
            with Frankd(command[1:] + ["--device", "cpu:0"]) as frankd:
                with frankd.client() as client:
                    wait_until("the published factor is in force", lambda: client.ask("factor", {})[1]
                               ["factor"] == 3000, 30)
                command, _, files = mint.partition("<")
                words = shlex.split(command.replace("ipc:///run/frank/mint.sock", frankd.ipc))
                assert words[0] == "frank" and files.split() == ["signed.eml", ">", "stamped.eml"]
                stamped = frank(*words[1:], stdin=read(sample("rfc6376.signed.msg")))
                assert stamped.returncode == 0 and b"MSMR-Key:" in stamped.stdout, stamped
            words = shlex.split(verify)
            assert words[-1] == "message.eml", words
            with open(f"{folder}/message.eml", "wb") as file:
                file.write(stamped.stdout)
            done = frank(*words[1:-1], f"{folder}/message.eml")
            assert done.returncode == 0 and b"policy.factor=3000" in done.stdout, done
    assert record == '_msmr.example.org. IN TXT "v=MSMR1; f=3000"', record
    key = shlex.split(verify)[-2]
    assert whole == f'"v=MSMR1; f=3000; e=1; u={shlex.split(verify)[3]}; k={key}"', whole


# ---- in a browser ----

WIDTHS = (320, 390, 768, 1280)
GROUNDS = {"light": "rgb(251, 250, 246)", "dark": "rgb(22, 23, 27)"}
BROWSER_VIEWS = ("ordinary", "one", "thousand", "most", "by-hand", "next-key", "testing", "hostile")

# Looks at each frame of the page around: what scrolls, what cannot be read, what was fetched.
LOOK = r"""
function rgb(text) { return text.match(/[\d.]+/g).map(Number); }
function luminance(c) {
  const l = c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
}
function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
function ground(element, view) {
  for (let at = element; at; at = at.parentElement) {
    const c = rgb(view.getComputedStyle(at).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c;
  }
  return [255, 255, 255];
}
function look(frame) {
  const doc = frame.contentDocument, view = frame.contentWindow, faint = [], crossing = [];
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = view.getComputedStyle(element);
    if (!walker.currentNode.data.trim() || ["title", "desc"].includes(element.tagName)) continue;
    const ratio = contrast(rgb(element.tagName == "text" ? style.fill : style.color), ground(element, view));
    if (ratio < 4.5) faint.push([walker.currentNode.data.slice(0, 40), ratio]);
  }
  const boxes = [...doc.querySelectorAll("svg text")].map(t => [t.textContent, t.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0);
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    if (p.left < q.right && q.left < p.right && p.top + 2 < q.bottom - 2 && q.top + 2 < p.bottom - 2)
      crossing.push([a, b]);
  }));
  const root = doc.documentElement;
  const small = [...doc.querySelectorAll("nav a")].filter(a => a.getBoundingClientRect().height < 24).length;
  return {width: root.clientWidth, scroll: root.scrollWidth, faint, crossing, small,
          column: view.getComputedStyle(doc.body).maxWidth, ground: view.getComputedStyle(root).backgroundColor,
          fetched: view.performance.getEntriesByType("resource").length, texts: boxes.length};
}
window.onload = () => {
  document.getElementById("seen").textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
};
"""


def browser(folder, scheme, width, height, *args, url=None, stream="stdout"):
    """Runs Chromium once on the page in `folder`, or on `url`; what it wrote to that stream."""
    program = shutil.which("chromium")
    if program is None:
        raise Skip("chromium is not installed")
    done = subprocess.run(
        [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--user-data-dir={folder}/profile", f"--window-size={width},{height}",
         f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
         "--virtual-time-budget=5000", *args, url or f"file://{folder}/around.html"],
        capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return getattr(done, stream).decode("utf-8", errors="replace")


def write_around(folder, page, frames):
    """A page with frames (width, height, pixels scrolled down) of a copy of `page` under its policy: a
    window cannot be as narrow as a telephone, a frame can."""
    policy = html.escape(ask("csp").strip())
    copy = page.replace("<title>", f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>'
                        "<title>", 1)
    assert copy != page
    with open(f"{folder}/around.html", "w", encoding="utf-8") as file:
        file.write('<!DOCTYPE html><html><head><meta charset="utf-8">'
                   '<meta name="color-scheme" content="light dark"></head><body style="margin:0">'
                   '<pre id="seen" hidden></pre>')
        for width, height in frames:
            file.write(f'<iframe style="border:0;display:block;width:{width}px;height:{height}px" '
                       f'srcdoc="{html.escape(page if len(frames) == 1 else copy)}"></iframe>')
        file.write(f"<script>{LOOK}</script></body></html>")


def pages_fit_every_screen_in_both_schemes():
    for view in BROWSER_VIEWS:
        for scheme in GROUNDS:
            with tempfile.TemporaryDirectory(prefix="frank-pages-") as folder:
                write_around(folder, ask("/", "6m", view), [(width, 800) for width in WIDTHS])
                dom = browser(folder, scheme, 1280, 800, "--dump-dom")
            found = re.search('<pre id="seen"[^>]*>(.*?)</pre>', dom, re.DOTALL)
            frames = json.loads(html.unescape(found.group(1)))
            assert [frame["width"] for frame in frames] == list(WIDTHS), frames
            for frame in frames:
                where = (view, scheme, frame)
                assert frame["scroll"] <= frame["width"], where
                assert frame["column"] == "736px", where  # the style counts, under the policy, too
                assert frame["ground"] == GROUNDS[scheme], where
                assert not frame["faint"] and frame["small"] == 0 and frame["fetched"] == 0, where
                assert frame["texts"] >= 8, where
                assert not frame["crossing"], where


def pages_are_painted():
    keep = os.environ.get("FRANK_SCREENSHOTS")
    for scheme in GROUNDS:
        for width in WIDTHS:
            with tempfile.TemporaryDirectory(prefix="frank-pages-") as folder:
                write_around(folder, ask("/", "6m", "ordinary"), [(width, 6000)])
                picture = f"{folder}/page.png"
                browser(folder, scheme, max(width, 500), 6000, f"--screenshot={picture}")
                with open(picture, "rb") as file:
                    data = file.read()
                if keep:
                    shutil.copy(picture, f"{keep}/page-{width}-{scheme}.png")
            size = struct.unpack(">II", data[16:24])
            assert data[:8] == b"\x89PNG\r\n\x1a\n" and size == (max(width, 500), 6000), size
            # A page of nothing but its ground packs into a few KB.
            assert len(data) > 60000, len(data)
            assert len(collections.Counter(data)) == 256


def a_visit_is_one_request():
    """The real service, its own policy, Chromium: nothing is refused by it, nothing else is asked for."""
    with tempfile.TemporaryDirectory(prefix="frank-pages-") as folder:
        log = f"{folder}/access.log"
        with Authority(["--factor", "1000000", "--access-log", log]) as authority:
            picture = f"{folder}/page.png"
            complaints = browser(folder, "light", 1280, 3000, f"--screenshot={picture}",
                                 "--enable-logging=stderr", url=f"http://127.0.0.1:{authority.port}/",
                                 stream="stderr")
            assert "Content Security Policy" not in complaints, complaints
            assert os.path.getsize(picture) > 60000

            def visits():
                """The log's lines, but for this test's own questions."""
                with open(log, encoding="ascii") as file:
                    return [line for line in file if "/.well-known/" not in line]
            wait_until("the visit is in the log", visits)
            time.sleep(2)  # for anything that would come behind it
            lines = visits()
            assert len(lines) == 1 and '"GET / HTTP/1.1" 200 ' in lines[0], lines


if __name__ == "__main__":
    if sys.argv[2:] == ["--browser"]:
        run(pages_fit_every_screen_in_both_schemes, pages_are_painted, a_visit_is_one_request)
    elif sys.argv[2:] == ["--served"]:
        run(a_running_authority_serves_all_of_it, the_lines_on_the_page_do_what_they_say)
    else:
        run(every_page_is_well_formed, nothing_comes_from_elsewhere,
            people_who_do_not_see_find_their_way, all_forms_have_the_same_figures,
            the_plot_ends_at_the_factor_in_force, the_policy_allows_the_styles_and_nothing_else,
            both_colour_schemes_are_readable)
