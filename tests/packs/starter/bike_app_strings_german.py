"""Spoiled copies of the German app strings: each must fail the criterion named beside it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.packs import spoil


def _set(**texts: str) -> spoil.Spoiler:
    """A spoiler that overwrites strings (`__` stands for the dot of a key)."""

    def spoil(folder: Path) -> None:
        file = folder / "de.json"
        tree = json.loads(file.read_text(encoding="utf-8"))
        for key, text in texts.items():
            *path, last = key.split("__")
            node = tree
            for part in path:
                node = node[part]
            node[last] = text
        file.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")

    return spoil


def _drop_key(folder: Path) -> None:
    file = folder / "de.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    del tree["error"]["payment_blocked"]
    file.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def _no_issues(folder: Path) -> None:
    (folder / "source_issues.csv").write_text("key,issue\n", encoding="utf-8")


SPOILED: spoil.Spoiled = {
    "a-key-is-missing": (_drop_key, "same-keys"),
    "a-mended-placeholder": (
        _set(map__station_closed="{stationName} ist bis {time} geschlossen."),
        "placeholders",
    ),
    "a-translated-selector": (
        _set(ride__rate__stars="{stars, plural, eins {# Stern} andere {# Sterne}}"),
        "icu",
    ),
    "an-open-brace": (
        _set(map__docks_open="{count, plural, one {# Stellplatz frei} other {# Stellplätze frei}"),
        "icu",
    ),
    "left-in-english": (_set(push__bikes_back="Good news: {stationName} has bikes again."), "all-german"),
    "legal-text-smoothed": (_set(legal__withdrawal="Du kannst den LoopPass in 14 Tagen widerrufen."), "protected"),
    "too-long-for-the-button": (_set(unlock__cta="Jetzt entsperren"), "lengths"),
    "batterie": (_set(map__battery_low="Batterie unter {percent} %"), "glossary"),
    "the-wrong-free": (_set(map__status__free="Kostenlos"), "context"),
    "polite-form": (_set(error__offline="Du bist offline. Prüfen Sie Ihre Verbindung."), "informal"),
    "a-lost-tag": (_set(unlock__reserved="Für dich reserviert bis {time}"), "tags-and-breaks"),
    "minutes-made-equal": (
        _set(
            pass__details="Mit LoopPass sind die ersten 30 Minuten jeder Fahrt gratis. Danach {price} je Minute."
        ),
        "numbers",
    ),
    "no-issues-listed": (_no_issues, "issues-listed"),
    "hyphenated-brand": (_set(pass__cancel__cta="Loop-Pass kündigen"), "brands-changed"),
}
