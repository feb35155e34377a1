// A cover from here, or a drawn sleeve where there is none: pictures of other hosts are not loaded.
import { el, svg } from "../dom.js";

export function coverOf(record, size = 56) {
  const box = el("span", { class: "cover", "aria-hidden": "true" });
  if ((record.cover ?? "").startsWith("/cache/images/")) {
    const image = el("img", { src: record.cover, alt: "", width: size, height: size, loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => box.replaceChildren(sleeve(record)));
    box.append(image);
  } else {
    box.append(sleeve(record));
  }
  return box;
}

// The hue comes from the names, so a record always looks the same.
function sleeve(record) {
  const text = `${record.artist ?? ""}${record.album ?? ""}`;
  let hue = 0;
  for (const sign of text) hue = (hue * 31 + sign.codePointAt(0)) % 12;
  return svg("svg", { viewBox: "0 0 32 32", class: `sleeve hue-${hue}` },
    svg("rect", { width: 32, height: 32, class: "paper" }), svg("circle", { cx: 16, cy: 16, r: 12, class: "disc" }),
    svg("circle", { cx: 16, cy: 16, r: 8, class: "groove" }), svg("circle", { cx: 16, cy: 16, r: 4.5, class: "label" }),
    svg("circle", { cx: 16, cy: 16, r: 0.9, class: "hole" }));
}
