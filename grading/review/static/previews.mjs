// Texts and tables of files, written out as text nodes only: whatever a deliverable holds stays text.

function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function table(rows) {
  const [head = [], ...body] = rows;
  const line = (cells, name) => element("tr", {}, cells.map((cell) => element(name, { textContent: cell })));
  return element("table", { className: "sheet" }, [
    element("thead", {}, [line(head, "th")]),
    element("tbody", {}, body.map((row) => line(row, "td"))),
  ]);
}

function lines(segments, path, take) {
  return element("ol", { className: "segments" }, segments.map(([anchor, text]) => {
    const place = element("button", { type: "button", className: "anchor", textContent: anchor });
    place.title = "Take this place as evidence";
    place.addEventListener("click", () => take(path, anchor, text));
    return element("li", {}, [place, element("span", { className: "segment", textContent: text })]);
  }));
}

async function fill(details, take) {
  const target = details.querySelector(".preview");
  try {
    const response = await fetch(details.dataset.preview);
    const shown = await response.json();
    const parts = [];
    if (shown.problem) parts.push(element("p", { className: "note", textContent: shown.problem }));
    if (shown.facts?.length) {
      parts.push(element("ul", { className: "facts" }, shown.facts.map((fact) => element("li", { textContent: fact }))));
    }
    if (shown.rows?.length) parts.push(table(shown.rows));
    if (shown.segments?.length) parts.push(lines(shown.segments, details.dataset.path, take));
    if (!parts.length) parts.push(element("p", { className: "soft", textContent: "The file is empty." }));
    target.replaceChildren(...parts);
  } catch {
    delete details.dataset.filled;
    target.replaceChildren(element("p", { className: "note", textContent: "Could not be read; close and open it to try again." }));
  }
}

/** Load a file's preview when it is first opened. `take(path, anchor, text)` captures a place as evidence. */
export function previews(take) {
  for (const details of document.querySelectorAll("details[data-preview]")) {
    details.addEventListener("toggle", () => {
      if (details.open && !details.dataset.filled) {
        details.dataset.filled = "yes";
        fill(details, take);
      }
    });
  }
  const first = document.querySelector("#deliverables details.file");
  if (first) first.open = true;
}
