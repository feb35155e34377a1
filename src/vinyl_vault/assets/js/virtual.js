// A virtual list: only rows near the viewport are in the page. All rows have the same height.
import { el } from "./dom.js";

const SPARE = 8;

export class VirtualList {
  constructor({ label, height, row, signal }) {
    Object.assign(this, { height, row, items: [], rows: new Map(), active: 0 });
    this.element = el("ul", { class: "rows", role: "list", "aria-label": label });
    const schedule = () => { this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.draw(); }); };
    addEventListener("scroll", schedule, { signal, passive: true });
    addEventListener("resize", schedule, { signal });
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  show(items) {
    const hadFocus = this.element.contains(document.activeElement);
    this.items = items;
    this.active = Math.min(this.active, Math.max(0, items.length - 1));
    this.element.style.height = `${items.length * this.height}px`;
    for (const [, { element }] of this.rows) element.remove();
    this.rows.clear();
    this.draw();
    if (hadFocus && items.length) this.focus(this.active);
  }

  draw() {
    const top = -this.element.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(top / this.height) - SPARE);
    const to = Math.min(this.items.length, Math.ceil((top + innerHeight) / this.height) + SPARE);
    const focused = document.activeElement;
    for (const [n, { element }] of this.rows) {
      if ((n < from || n >= to) && !element.contains(focused)) {
        element.remove();
        this.rows.delete(n);
      }
    }
    for (let n = from; n < to; n += 1) if (!this.rows.has(n)) this.make(n);
  }

  make(n) {
    const link = this.row(this.items[n]);
    const element = el("li", { "aria-setsize": this.items.length, "aria-posinset": n + 1 }, link);
    element.style.transform = `translateY(${n * this.height}px)`;
    link.addEventListener("focus", () => { this.active = n; });
    // Keep the DOM in visual order, for screen readers.
    const next = [...this.element.children].find((other) => Number(other.getAttribute("aria-posinset")) > n + 1);
    this.element.insertBefore(element, next ?? null);
    this.rows.set(n, { element, link });
  }

  key(event) {
    const page = Math.max(1, Math.floor(innerHeight / this.height) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(Math.min(this.items.length - 1, Math.max(0, this.active + step)));
  }

  focus(n) {
    this.active = n;
    const start = this.element.getBoundingClientRect().top + scrollY;
    const y = start + n * this.height;
    const room = innerHeight - 2 * this.height;
    if (y < scrollY + this.height || y > scrollY + room) scrollTo(0, y - innerHeight / 2);
    this.draw();
    this.rows.get(n)?.link.focus({ preventScroll: true });
  }
}
