// A long column of items of which only those near the window are in the page. Heights are guessed until an item is
// there, then measured; what one looks at stays where it is while those above it are corrected.

const MARGIN_PX = 600;

export class Strip {
  /**
   * @param {HTMLElement} scroller that scrolls
   * @param {object} of count; height(index): px guessed; draw(index): node; moved(first, last): after scrolling;
   *   measure: whether heights are measured (else the guess is right); margin: px drawn beyond the window
   */
  constructor(scroller, { count, height, draw, moved = () => {}, measure = true, margin = MARGIN_PX, role = "list" }) {
    Object.assign(this, { scroller, count, height, draw, moved, margin });
    this.inner = document.createElement("div");
    this.inner.className = "strip";
    if (role) this.inner.setAttribute("role", role);
    scroller.append(this.inner);
    this.drawn = new Map();
    this.sizes = measure ? new ResizeObserver((entries) => this.#measured(entries)) : null;
    this.room = new ResizeObserver(() => this.#soon());
    this.room.observe(scroller);
    this.onScroll = () => this.#soon();
    scroller.addEventListener("scroll", this.onScroll, { passive: true });
    this.reset();
  }

  /** All heights are guessed anew; the item in view stays in view. */
  reset(count = this.count) {
    const [at, part] = this.tops ? this.here() : [0, 0];
    this.count = count;
    this.heights = Float64Array.from({ length: count }, (_, index) => this.height(index));
    for (const index of [...this.drawn.keys()]) this.#remove(index);
    this.#sum(0);
    if (at < count) this.scroller.scrollTop = this.tops[at] + part * this.heights[at];
    this.render();
  }

  /** [index of the item at the window's top, how much of it is above]. */
  here() {
    const top = this.scroller.scrollTop;
    const at = this.at(top);
    return [at, this.count ? (top - this.tops[at]) / Math.max(1, this.heights[at]) : 0];
  }

  /** The item at a height of the whole column. */
  at(y) {
    let low = 0;
    let high = Math.max(0, this.count - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Bring an item into the window: its part `part` (0..1) to a third of the window, or its top to the window's. */
  go(index, part = null) {
    const extra = part === null ? 0 : part * this.heights[index] - this.scroller.clientHeight / 3;
    this.scroller.scrollTop = this.tops[index] + extra;
    this.render();
  }

  node(index) {
    return this.drawn.get(index) ?? null;
  }

  render() {
    if (this.count === 0) return;
    const top = this.scroller.scrollTop;
    const high = this.scroller.clientHeight;
    const first = this.at(Math.max(0, top - this.margin));
    const last = this.at(top + high + this.margin);
    for (const index of [...this.drawn.keys()]) {
      if ((index < first || index > last) && !this.#held(index)) this.#remove(index);
    }
    for (let index = first; index <= last; index += 1) {
      if (!this.drawn.has(index)) this.#add(index);
      this.drawn.get(index).style.transform = `translateY(${this.tops[index]}px)`;
    }
    this.moved(this.at(top), this.at(top + high - 1));
  }

  close() {
    this.scroller.removeEventListener("scroll", this.onScroll);
    this.sizes?.disconnect();
    this.room.disconnect();
    cancelAnimationFrame(this.frame);
  }

  #soon() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.render(); });
  }

  /** Selected text and the focus do not vanish because somebody scrolls. */
  #held(index) {
    const node = this.drawn.get(index);
    const { anchorNode, focusNode, isCollapsed } = getSelection();
    return node.contains(document.activeElement) || (!isCollapsed && (node.contains(anchorNode) || node.contains(focusNode)));
  }

  #add(index) {
    const node = this.draw(index);
    node.dataset.index = index;
    node.classList.add("strip-item");
    let after = null;
    for (const other of this.inner.children) {
      if (Number(other.dataset.index) > index) { after = other; break; }
    }
    this.inner.insertBefore(node, after);
    this.drawn.set(index, node);
    this.sizes?.observe(node);
  }

  #remove(index) {
    const node = this.drawn.get(index);
    this.sizes?.unobserve(node);
    node.remove();
    this.drawn.delete(index);
  }

  #measured(entries) {
    const [at, part] = this.here();
    let lowest = this.count;
    for (const { target, borderBoxSize } of entries) {
      const index = Number(target.dataset.index);
      const high = borderBoxSize[0].blockSize;
      if (!target.isConnected || Math.abs(high - this.heights[index]) < 0.5) continue;
      this.heights[index] = high;
      lowest = Math.min(lowest, index);
    }
    if (lowest === this.count) return;
    this.#sum(lowest);
    if (lowest < at) this.scroller.scrollTop = this.tops[at] + part * this.heights[at];
    this.#soon();
  }

  #sum(from) {
    if (!this.tops || this.tops.length !== this.count + 1) {
      this.tops = new Float64Array(this.count + 1);
      from = 0;
    }
    for (let index = from; index < this.count; index += 1) this.tops[index + 1] = this.tops[index] + this.heights[index];
    this.inner.style.height = `${this.tops[this.count]}px`;
  }
}
