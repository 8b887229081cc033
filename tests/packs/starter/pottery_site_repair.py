"""Spoiled variants of the repaired pottery site."""

from __future__ import annotations

import re
from pathlib import Path

from tests.packs import spoil

PAGES = ("index", "classes", "about", "contact")
OLD, NEW = "clay@hollowkiln.example.net", "studio@hollowkiln.example.com"


def _page(folder: Path, name: str, old: str, new: str) -> None:
    spoil.edit_text(folder, f"site/{name}", spoil.replacing(old, new))


def link_in_the_wrong_case(folder: Path) -> None:
    _page(folder, "about.html", 'href="classes.html"', 'href="Classes.html"')


def picture_lost(folder: Path) -> None:
    spoil.remove(folder, "site/images/wheel.jpg")


def background_still_missing(folder: Path) -> None:
    _page(folder, "css/style.css", "paper-texture.png", "paper.png")


def sheet_from_the_root(folder: Path) -> None:
    """Works on the server, not from a USB stick."""
    _page(folder, "about.html", '"css/style.css"', '"/css/style.css"')


def cancelled_classes_kept(folder: Path) -> None:
    cells = ("Saturday", "16:30\u201318:00", "Teen wheel &lt;16", "Ines", "£130", "7")
    row = "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    _page(folder, "classes.html", "<tr><td>Sunday", row + "<tr><td>Sunday")


def sorted_by_name_of_the_day(folder: Path) -> None:
    def change(text: str) -> str:
        rows = re.findall(r"<tr><td>.*?</tr>\n", text)
        return text.replace("".join(rows), "".join(sorted(rows)))

    spoil.edit_text(folder, "site/classes.html", change)


def minus_two_places(folder: Path) -> None:
    def change(text: str) -> str:
        return re.sub(r"(<td>Rafe</td><td>£195</td><td>)Full", r"\1-2", text)

    spoil.edit_text(folder, "site/classes.html", change)


def header_only_table(folder: Path) -> None:
    spoil.edit_text(folder, "site/classes.html", lambda text: re.sub(r"<tr><td>.*?</tr>\n", "", text))


def headings_in_bold(folder: Path) -> None:
    def change(text: str) -> str:
        return re.sub(r'<th scope="col">(.*?)</th>', r"<td><b>\1</b></td>", text)

    spoil.edit_text(folder, "site/classes.html", change)


def no_viewport_on_one_page(folder: Path) -> None:
    _page(folder, "contact.html", '<meta name="viewport" content="width=device-width, initial-scale=1">\n', "")


def page_still_960(folder: Path) -> None:
    _page(folder, "css/style.css", "max-width: 1020px", "width: 960px")


def form_to_the_old_address(folder: Path) -> None:
    _page(folder, "contact.html", f'action="mailto:{NEW}"', f'action="mailto:{OLD}"')


def crossed_tags(folder: Path) -> None:
    _page(folder, "index.html", "mail.</i></b>", "mail.</b></i>")


def id_twice(folder: Path) -> None:
    _page(folder, "index.html", 'id="drop-in"', 'id="news"')


def menu_without_about(folder: Path) -> None:
    _page(folder, "classes.html", '<a href="about.html">About</a>\n', "")


def old_price(folder: Path) -> None:
    _page(folder, "index.html", "&pound;32", "&pound;28")


def file_names_as_descriptions(folder: Path) -> None:
    spoil.edit_text(folder, "site/about.html", lambda text: re.sub(r'alt="[^"]*"', 'alt="team.jpg"', text))


def field_without_label(folder: Path) -> None:
    _page(folder, "contact.html", '<label for="message">Message</label>', "Message")


def same_title_everywhere(folder: Path) -> None:
    for name in PAGES:
        spoil.edit_text(
            folder, f"site/{name}.html", lambda text: re.sub("<title>.*?<", "<title>Hollow Kiln<", text)
        )


def shop_link_kept(folder: Path) -> None:
    _page(folder, "index.html", "see the shop", '<a href="index.html#shop">see the shop</a>')


def prose_polished(folder: Path) -> None:
    _page(folder, "contact.html", "or the goat will be on your bonnet", "as we keep animals")


def script_from_elsewhere(folder: Path) -> None:
    tag = '<script src="https://cdn.example.org/jquery.min.js"></script>\n</head>'
    _page(folder, "contact.html", "</head>", tag)


def changes_without_the_odd_row(folder: Path) -> None:
    spoil.edit_text(folder, "changes.md", lambda text: text.split("## Please check")[0])


def cancelled_bookings_not_seen(folder: Path) -> None:
    spoil.edit_text(folder, "changes.md", lambda text: text.split("Two cancelled classes still")[0])


def picture_keeps_its_width(folder: Path) -> None:
    _page(folder, "css/style.css", "img { max-width: 100%;", ".nav img { max-width: 100%;")


SPOILED: spoil.Spoiled = {
    "link_in_the_wrong_case": (link_in_the_wrong_case, "links"),
    "picture_lost": (picture_lost, "links"),
    "background_still_missing": (background_still_missing, "links"),
    "sheet_from_the_root": (sheet_from_the_root, "links"),
    "cancelled_classes_kept": (cancelled_classes_kept, "timetable"),
    "sorted_by_name_of_the_day": (sorted_by_name_of_the_day, "timetable"),
    "minus_two_places": (minus_two_places, "timetable"),
    "header_only_table": (header_only_table, "timetable"),
    "headings_in_bold": (headings_in_bold, "labels"),
    "no_viewport_on_one_page": (no_viewport_on_one_page, "phones"),
    "page_still_960": (page_still_960, "phones"),
    "form_to_the_old_address": (form_to_the_old_address, "mail"),
    "crossed_tags": (crossed_tags, "well-formed"),
    "id_twice": (id_twice, "anchors"),
    "menu_without_about": (menu_without_about, "menus"),
    "old_price": (old_price, "price-year"),
    "file_names_as_descriptions": (file_names_as_descriptions, "pictures"),
    "field_without_label": (field_without_label, "labels"),
    "same_title_everywhere": (same_title_everywhere, "titles"),
    "shop_link_kept": (shop_link_kept, "words-stay"),
    "prose_polished": (prose_polished, "prose"),
    "script_from_elsewhere": (script_from_elsewhere, "foreign"),
    "cancelled_bookings_not_seen": (cancelled_bookings_not_seen, "cancelled-booked"),
    "picture_keeps_its_width": (picture_keeps_its_width, "phones"),
    "changes_without_the_odd_row": (changes_without_the_odd_row, "overbooked"),
}
