// A cover from this site, or a drawn sleeve if there is none: pictures of other hosts are not loaded.
import { el } from "../dom.js";

const HUES = 12;

export function coverOf(record, size = 56) {
  if (!(record.cover ?? "").startsWith("/cache/images/")) return sleeve(record);
  const image = el("img", { src: record.cover, alt: "", width: size, height: size, loading: "lazy", decoding: "async", class: "cover" });
  image.addEventListener("error", () => image.replaceWith(sleeve(record)));
  return image;
}

// The hue comes from the names, so a record always looks the same.
function sleeve(record) {
  let hue = 0;
  for (const sign of `${record.artist ?? ""}${record.album ?? ""}`) hue = (hue * 31 + sign.codePointAt(0)) % HUES;
  return el("span", { class: `cover sleeve hue-${hue}`, "aria-hidden": "true" });
}
