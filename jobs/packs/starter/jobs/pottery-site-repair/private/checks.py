"""Checks of the repaired pottery site: pages are parsed, links followed, the timetable is worked out again from the csv."""

import csv
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

PAGES = ("index.html", "classes.html", "about.html", "contact.html")
OLD, NEW = "clay@hollowkiln.example.net", "studio@hollowkiln.example.com"
DAYS = {"MON": "monday", "TUE": "tuesday", "WED": "wednesday", "THU": "thursday", "FRI": "friday", "SAT": "saturday", "SUN": "sunday"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
#: elements whose end tag HTML lets one leave out
OPTIONAL = {"p", "li", "dt", "dd", "option", "optgroup", "td", "th", "tr", "thead", "tbody", "tfoot", "colgroup", "html", "head", "body"}
PROSE = (
    "We are a small studio with eight wheels, two electric kilns and one very patient dog. Come for an evening, stay for a term, go home with clay under your nails.",
    "Nobody is too clumsy. We have all centred badly, and the reclaim bucket forgives everything.",
    "Children welcome on Saturdays from the age of seven",
    "for an afternoon, clay and one firing included.",
    "All courses run for ten weeks and include clay, glazes and firing. You need old clothes and short fingernails.",
    "To book, write to us or ring 01632 960 418. Places are held for five days.",
    "Hollow Kiln began in 2009 when Dot Amberley was given a broken kiln and, a week later, the key to a dairy nobody wanted. The roof leaked until 2012. The kiln still does, a little, round the door.",
    "Ines joined in 2015 and taught us to throw off the hump; Rafe came to mend the wiring and stayed. Between us we have made roughly forty thousand pots, of which we like about nine.",
    "We fire with electricity from our neighbour's roof, reclaim every scrap of clay and give our seconds to the Tollerby food bank, where they are said to hold soup as well as any first.",
    "The Old Dairy is the long white building behind the church. Park on the lane, not in the yard, or the goat will be on your bonnet.",
    "Studio hours: Tuesday to Saturday, 10am to 5pm.",
)


def root(ctx):
    """The folder of the site."""
    return ctx.one("**/index.html").parent


def soups(ctx):
    """{page: parsed page}; a missing page fails."""
    from bs4 import BeautifulSoup

    folder = root(ctx)
    missing = [name for name in PAGES if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"missing pages: {missing}")
    return {name: BeautifulSoup((folder / name).read_text("utf-8", "replace"), "html.parser") for name in PAGES}


def sheets(ctx):
    """{path: text} of the style sheets and the style elements."""
    folder = root(ctx)
    out = {path: path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*.css"))}
    for name, soup in soups(ctx).items():
        style = "\n".join(s.get_text() for s in soup.find_all("style"))
        if style:
            out[folder / name] = style
    return {path: re.sub(r"/\*.*?\*/", "", text, flags=re.S) for path, text in out.items()}


def plain(text):
    """Text with one kind of quotes, dashes and blanks."""
    for old, new in (("\u2019", "'"), ("\u2018", "'"), ("\u2013", "-"), ("\u2014", "-"), ("\u00a0", " "), ("\u2012", "-")):
        text = text.replace(old, new)
    return re.sub(r"\s+", " ", text).strip()


def told(ctx, wrong, good):
    return ctx.failed("; ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")) if wrong else ctx.passed(good)


def references(ctx):
    """(where, address) of everything that pages and style sheets refer to."""
    for name, soup in soups(ctx).items():
        for tag in soup.find_all(True):
            for attribute in ("href", "src", "poster", "data"):
                if tag.get(attribute) is not None and not (attribute == "data" and tag.name != "object"):
                    yield root(ctx) / name, tag, str(tag[attribute]).strip()
            for one in str(tag.get("srcset") or "").split(","):
                if one.strip():
                    yield root(ctx) / name, tag, one.split()[0]
    for path, text in sheets(ctx).items():
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", text) + re.findall(r"@import\s+['\"]([^'\"]+)", text):
            yield path, None, address.strip()


def links(ctx):
    """Every relative address leads to a file of the site, letter for letter, also without a server."""
    folder, wrong, count = root(ctx).resolve(), [], 0
    for path, tag, address in references(ctx):
        parts = urlsplit(address)
        if parts.scheme or address.startswith(("//", "#")) or (tag is None and address.startswith("data:")):
            continue
        count += 1
        target = (path.parent / unquote(parts.path)).resolve()
        if "\\" in address or parts.path.startswith("/") or not target.is_relative_to(folder) or not target.is_file():
            wrong.append(f"{path.name}: {address}")
    return told(ctx, wrong, f"{count} links, pictures and sheets are there") if count >= 16 else ctx.failed(f"only {count} relative links in the four pages")


def anchors(ctx):
    """Ids are unique, and each #part exists."""
    pages, wrong = soups(ctx), []
    ids = {name: [t["id"] for t in soup.find_all(id=True)] for name, soup in pages.items()}
    for name, soup in pages.items():
        wrong += [f"{name}: id {one} twice" for one in sorted({x for x in ids[name] if ids[name].count(x) > 1})]
        for a in soup.find_all("a", href=True):
            parts = urlsplit(a["href"].strip())
            page = parts.path or name
            if parts.fragment and not parts.scheme and page in ids and parts.fragment not in ids[page]:
                wrong.append(f"{name}: {a['href']} has no target")
    hrefs = [a["href"] for soup in pages.values() for a in soup.find_all("a", href=True)]
    wrong += [f"no link to {want} any more" for want in ("classes.html#timetable", "contact.html#form") if not any(h.endswith(want) for h in hrefs)]
    return told(ctx, wrong, "ids are unique, #timetable and #form exist")


class Nesting(HTMLParser):
    """Finds end tags that do not fit and elements that are never closed."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if tag not in self.open:
            self.wrong.append(f"</{tag}> without <{tag}>")
            return
        while self.open[-1] != tag:
            left = self.open.pop()
            if left not in OPTIONAL:
                self.wrong.append(f"<{left}> is open at </{tag}>")
        self.open.pop()


def well_formed(ctx):
    """Doctype, language, character set, and tags that are nested and closed."""
    wrong = []
    for name, soup in soups(ctx).items():
        text = (root(ctx) / name).read_text("utf-8", "replace")
        nesting = Nesting()
        nesting.feed(text)
        wrong += [f"{name}: {one}" for one in nesting.wrong + [f"<{t}> is never closed" for t in nesting.open if t not in OPTIONAL]]
        wrong += [] if re.match(r"\s*(<!--.*?-->\s*)?<!doctype html>", text, re.I | re.S) else [f"{name}: no <!DOCTYPE html>"]
        wrong += [] if soup.html is not None and str(soup.html.get("lang") or "").lower().startswith("en") else [f"{name}: no lang"]
        charset = soup.find("meta", charset=True) or soup.find("meta", attrs={"http-equiv": re.compile("content-type", re.I)})
        wrong += [] if charset else [f"{name}: no character set"]
    return told(ctx, wrong, "four pages are well formed")


def menus(ctx):
    """The same four links in the same order on every page."""
    wrong, seen = [], {}
    for name, soup in soups(ctx).items():
        best = []
        for box in soup.find_all(["nav", "ul", "ol", "div", "header"]):
            hrefs = [urlsplit(a["href"].strip()).path.removeprefix("./") for a in box.find_all("a", href=True)]
            if set(PAGES) == set(hrefs) and (not best or len(hrefs) < len(best)):
                best = hrefs
        if best:  # a logo may lead home as well
            seen[name] = tuple(best)
        else:
            wrong.append(f"{name}: no menu with exactly the four pages")
    if len(set(seen.values())) > 1:
        wrong.append(f"orders differ: {sorted(set(seen.values()))[:2]}")
    return told(ctx, wrong, "the same four links on every page")


def _rules(text, media=""):
    """(media, selector, declarations) of a style sheet, nested blocks included."""
    at = 0
    while (start := text.find("{", at)) >= 0:
        head, depth, end = text[at:start].strip().split(";")[-1].strip(), 1, start + 1
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        inner = text[start + 1:end - 1]
        if head.startswith("@"):
            yield from _rules(inner, media + " " + head.lower())
        else:
            yield media, head, inner.lower()
        at = end


def _matches(soup, selector):
    """Elements that a selector of a style sheet means; none where it cannot be read."""
    from soupsieve import SelectorSyntaxError

    try:
        return soup.select(selector)
    except (SelectorSyntaxError, NotImplementedError):
        return []


def phones(ctx):
    """Viewport on every page; nothing wider than a phone is fixed; pictures shrink."""
    wrong = []
    for name, soup in soups(ctx).items():
        tag = soup.find("meta", attrs={"name": re.compile("^viewport$", re.I)})
        if tag is None or "width=device-width" not in str(tag.get("content") or "").replace(" ", "").lower():
            wrong.append(f"{name}: no viewport")
        wrong += [f"{name}: <{t.name} width={t['width']}>" for t in soup.find_all(["table", "td", "th", "div"], width=True) if re.fullmatch(r"\d{3,}(px)?", str(t["width"])) and int(re.sub(r"\D", "", str(t["width"]))) > 430]
        for t in soup.find_all(style=True):
            wrong += [f"{name}: style {m}" for m in re.findall(r"(?<![-\w])(?:min-)?width\s*:\s*(\d+)px", t["style"]) if int(m) > 430]
    rules = [rule for text in sheets(ctx).values() for rule in _rules(text)]
    fluid = r"max-width\s*:\s*(100%|\d\d?%|\d\d?\d?vw|calc|min\()|(?<![-\w])width\s*:\s*(100%|\d\d?%|auto|\d\d?\d?vw|calc|min\()"
    small = {one.strip() for media, selector, body in rules if re.search(r"max-width|width\s*<", media) and re.search(fluid, body) for one in selector.split(",")}
    for media, selector, body in rules:
        if re.search(r"min-width|width\s*>|print", media) or re.search(r"max-width\s*:\s*(100%|\d\d?%|\d\d?\d?vw)", body):
            continue
        if not {one.strip() for one in selector.split(",")} <= small:  # a rule for small screens takes the width back
            wrong += [f"{selector}: {m}px wide" for m in re.findall(r"(?<![-\w])(?:min-)?width\s*:\s*(\d+)(?:\.\d+)?px", body) if int(m) > 430]
        elif any(int(m) > 430 for m in re.findall(r"min-width\s*:\s*(\d+)", body)):
            wrong.append(f"{selector}: min-width stays")
    shrinking = [selector for media, selector, body in rules if not re.search(r"min-width|width\s*>|print", media) and re.search(fluid, body)]
    for name, soup in soups(ctx).items():
        covered = {id(t) for selector in shrinking for t in _matches(soup, selector)}
        wrong += [f"{name}: {t.get('src')} cannot shrink" for t in soup.find_all("img")
                  if id(t) not in covered and not re.search(fluid, str(t.get("style") or "")) and not str(t.get("width") or "").endswith("%")]
    return told(ctx, wrong, "viewport everywhere, no fixed width above 430 px, pictures shrink")


def timetable(ctx):
    """Every class that is not cancelled, in order, in its form."""
    path = next(ctx.inputs.glob("*.csv"))
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [r for r in csv.DictReader(handle) if r["status"] != "cancelled"]
    rows.sort(key=lambda r: (list(DAYS).index(r["day"]), r["start"]))
    want = []
    for r in rows:
        free = int(r["places"]) - int(r["booked"])
        want.append((DAYS[r["day"]], f"{r['start']}-{r['end']}", plain(r["class"]).lower(), r["teacher"].lower(), f"£{r['price_gbp']}" if int(r["price_gbp"]) else "members", str(free) if free > 0 else "full"))
    tables = soups(ctx)["classes.html"].find_all("table")
    if len(tables) != 1:
        return ctx.failed(f"classes.html has {len(tables)} tables")
    have = []
    day, left = "", 0
    for tr in tables[0].find_all("tr"):
        tds = tr.find_all(["td", "th"])
        cells = [plain(td.get_text(" ")).lower() for td in tds]
        if left and len(cells) == 5:  # the day's cell spans several rows
            cells.insert(0, day)
        elif cells:
            day, left = cells[0], int(str(tds[0].get("rowspan") or "1"))
        left -= 1
        if len(cells) == 6 and cells[0] in DAYS.values():
            cells[1] = re.sub(r"\s*(-|to)\s*", "-", cells[1])
            cells[4] = cells[4].replace(" ", "")
            have.append(tuple(cells))
    wrong = [f"row {i + 1} is {' | '.join(h)}, wanted {' | '.join(w)}" for i, (h, w) in enumerate(zip(have, want)) if h != w]
    if len(have) != len(want):
        wrong.insert(0, f"{len(have)} rows with six cells and a day's name, wanted {len(want)}")
    return told(ctx, wrong, f"{len(want)} classes in order")


def mail(ctx):
    """The new address on each page and in the form, the old one nowhere."""
    wrong = []
    for path in sorted(root(ctx).rglob("*")):
        if path.suffix.lower() in (".html", ".htm", ".css", ".js", ".txt", ".xml") and OLD.lower() in path.read_text("utf-8", "replace").lower():
            wrong.append(f"{path.name} holds the old address")
    for name, soup in soups(ctx).items():
        if not any(a["href"].strip().lower().startswith(f"mailto:{NEW}") for a in soup.find_all("a", href=True)) or NEW not in soup.get_text():
            wrong.append(f"{name}: the new address is not shown and linked")
    form = soups(ctx)["contact.html"].find("form")
    if form is None or NEW not in str(form.get("action") or ""):
        wrong.append("the form does not go to the new address")
    return told(ctx, wrong, "new address on four pages and in the form")


def price_year(ctx):
    """£32 and 2026."""
    pages = {name: plain(soup.get_text(" ")) for name, soup in soups(ctx).items()}
    wrong = [] if re.search(r"Open studio is £\s?32\b", pages["index.html"]) else ["index.html: open studio is not £32"]
    wrong += [f"{name}: © 2026 is missing" for name, text in pages.items() if "2026" not in text or "2024" in text]
    return told(ctx, wrong, "£32, 2026 on four pages")


def pictures(ctx):
    """Four pictures, each with a description of its own."""
    alts, wrong = [], []
    for name, soup in soups(ctx).items():
        for img in soup.find_all("img"):
            alt = plain(str(img.get("alt") or ""))
            alts.append(alt.lower())
            if len(alt) < 5 or re.search(r"\.(jpe?g|png)$", alt, re.I) or re.fullmatch(r"(an? )?(image|picture|photo|img)( \d+)?", alt, re.I):
                wrong.append(f"{name}: {img.get('src')} has the description {alt!r}")
    wrong += [f"{len(alts)} pictures, wanted 4"] * (len(alts) < 4) + ["two pictures have the same description"] * (len(set(alts)) < len(alts))
    return told(ctx, wrong, f"{len(alts)} pictures with descriptions")


def labels(ctx):
    """A label for each of the four fields, th cells for the six headings."""
    table = soups(ctx)["classes.html"].find("table")
    heads = [plain(th.get_text(" ")).lower() for th in table.find_all("th")][:6] if table else []
    form = soups(ctx)["contact.html"].find("form")
    if form is None:
        return ctx.failed("contact.html has no form")
    fields = [f for f in form.find_all(["input", "select", "textarea"]) if f.get("type", "text").lower() not in ("submit", "button", "hidden", "reset")]
    named = {str(label.get("for")) for label in form.find_all("label") if plain(label.get_text(" "))}
    wrong = [f"{f.get('name')} has no label" for f in fields if not (f.get("id") in named or f.find_parent("label") is not None or f.get("aria-label") or f.get("aria-labelledby"))]
    wrong += [f"field {want} is gone" for want in ("name", "email", "class", "message") if want not in [f.get("name") for f in fields]]
    wrong += [] if heads == ["day", "time", "class", "teacher", "price", "places"] else [f"th cells of the timetable are {heads}"]
    return told(ctx, wrong, f"{len(fields)} fields with labels, six th cells")


def titles(ctx):
    """Titles and descriptions of their own."""
    wrong, seen = [], {"title": [], "description": []}
    for name, soup in soups(ctx).items():
        title = plain(soup.title.get_text()) if soup.title else ""
        tag = soup.find("meta", attrs={"name": re.compile("^description$", re.I)})
        about = plain(str(tag.get("content") or "")) if tag else ""
        if len(title) < 5 or "untitled" in title.lower():
            wrong.append(f"{name}: title {title!r}")
        if not 50 <= len(about) <= 160:
            wrong.append(f"{name}: description of {len(about)} characters")
        seen["title"].append(title)
        seen["description"].append(about)
    wrong += [f"two pages share a {kind}" for kind, values in seen.items() if len(set(values)) < 4]
    return told(ctx, wrong, "four titles and four descriptions")


def words_stay(ctx):
    """Shop and team page are words without links."""
    pages = soups(ctx)
    wrong = [f"{name}: a link to {a['href']}" for name, soup in pages.items() for a in soup.find_all("a", href=True) if re.search("shop|team", a["href"].lower())]
    wrong += [f"{name}: {text!r} is gone" for name, text in (("index.html", "Our glaze library has 14 new colours, see the shop"), ("about.html", "Look at our team page or write to us"))
              if text not in plain(pages[name].get_text(" ")).replace(" ,", ",")]
    return told(ctx, wrong, "words stay, links are gone")


def prose(ctx):
    """The texts, word for word."""
    text = plain(" ".join(re.sub(r"\s+([.,;])", r"\1", soup.get_text(" ")) for soup in soups(ctx).values()))
    text = re.sub(r"\s+([.,;])", r"\1", text)
    wrong = [f"not there any more: {one[:60]}..." for one in PROSE if one not in text]
    return told(ctx, wrong, f"{len(PROSE)} passages are as they were")


def near(text, about, said):
    """Does a text say something within 160 characters of what it is about."""
    return any(re.search(said, text[max(0, m.start() - 160):m.end() + 160], re.I) for m in re.finditer(about, text, re.I))


def cancelled_booked(ctx):
    """Both cancelled classes are named with the people who are booked on them."""
    text = plain(ctx.text("**/changes*"))
    wrong = [name for name, about in (("Glaze chemistry & tests", "glaze chem|\\bTue"), ("Teen wheel", "\\bteen")) if not near(text, about, r"book|place|people|person|student|paid|signed|inform|refund")]
    return told(ctx, [f"no word on the bookings of {name}" for name in wrong], "the bookings of both cancelled classes are mentioned")


def changes(ctx):
    """Every changed file."""
    text = plain(ctx.text("**/changes*"))
    missing = [name for name in PAGES if name not in text.lower()] + ["the style sheet"] * (not re.search(r"\.css\b|style ?sheet", text, re.I))
    return told(ctx, [f"does not name {name}" for name in missing], "names the four pages and the style sheet")


def overbooked(ctx):
    """The 12 bookings for 10 places."""
    text = plain(ctx.text("**/changes*"))
    odd = near(text, r"\bWed|beginners|\bRafe", r"\b12\b|overbook|over-book|over ?full|\btwo (too many|over|more)|\b2 (too many|over|more)|-2\b|twelve")
    return told(ctx, [] if odd else ["no word on the 12 bookings for 10 places on Wednesday"], "the overbooked class is mentioned")


def foreign(ctx):
    """Something is fetched from another server."""
    wrong = [f"{path.name}: {address}" for path, tag, address in references(ctx) if (tag is None or tag.name != "a") and re.match(r"(https?:)?//", address) and not (tag is not None and tag.name == "link" and "canonical" in (tag.get("rel") or []))]
    return told(ctx, wrong, "nothing comes from elsewhere")
