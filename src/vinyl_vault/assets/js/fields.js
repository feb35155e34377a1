// The fields of a record: names, grades, and values as text and back.
export const GRADES = ["Mint (M)", "Near Mint (NM or M-)", "Very Good Plus (VG+)", "Very Good (VG)", "Good Plus (G+)",
  "Good (G)", "Fair (F)", "Poor (P)"];
export const SLEEVES = [...GRADES, "Generic", "Not Graded", "No Cover"];

export const NAMES = {
  status: "List", artist: "Artist", album: "Album", year: "Year", label: "Label", catalogue_number: "Catalogue number",
  format: "Format", genre: "Genres", style: "Styles", country: "Country", barcode: "Barcode", discogs: "Discogs",
  cover: "Cover", media_condition: "Media", sleeve_condition: "Sleeve", rating: "Rating", notes: "Notes",
  price_paid: "Price paid", bought_on: "Bought on", price_sold: "Price sold", sold_on: "Sold on",
  market_value: "Market value", valued_on: "Valued on", date_added: "Added elsewhere", tags: "Tags", folder: "Folder",
  shelf: "Shelf", colour: "Colour", formats: "Carriers",
};

export const fieldName = (name) => NAMES[name] ?? (name ?? "").replace(/^extra\./, "");

export function asText(name, value) {
  if (value === null || value === undefined || value === "") return "–";
  if (name === "deleted_at") return value ? "deleted" : "kept";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((one) => (typeof one === "object" ? one.name : one)).join(", ") || "–";
  if (typeof value === "object" && "currency" in value) return money(value);
  if (typeof value === "object") return Object.values(value).map(String).join(" ");
  return String(value);
}

// The server's instants are UTC: with a zone, or as `YYYY-MM-DD HH:MM:SS`.
export const instant = (text) => new Date(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text.replace(" ", "T")}Z`);

export const when = (text) => instant(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const digits = (currency) => {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
};

export function money({ amount, currency }) {
  const units = amount / 10 ** digits(currency);
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(units);
  } catch {
    return `${units} ${currency}`;
  }
}

export const inUnits = ({ amount, currency }) => (amount / 10 ** digits(currency)).toFixed(digits(currency));

// Reads an amount such as 12,50; null for none.
export function readMoney(text, currency) {
  const plain = text.trim().replace(",", ".");
  if (!plain) return null;
  if (!/^\d{1,8}(\.\d{1,3})?$/.test(plain)) throw new Error(`“${text}” is no amount: write it like 12.50.`);
  if (!/^[A-Z]{3}$/.test(currency)) throw new Error("A currency has three letters, such as EUR.");
  return { amount: Math.round(Number(plain) * 10 ** digits(currency)), currency };
}

export const readList = (text, separator = ";") =>
  [...new Set(text.split(separator).map((one) => one.trim()).filter(Boolean))];

export const title = (record) => [record?.artist, record?.album].filter(Boolean).join(" – ") || "Untitled";

export const isSold = (record) => Boolean(record.sold_on || record.price_sold);
