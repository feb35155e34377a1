// Days and times in this device's time zone, and money in minor units.
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const pad = (number) => String(number).padStart(2, "0");

export const dayOf = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

export function later(day, days) {
  const date = new Date(`${day}T12:00:00`);
  date.setDate(date.getDate() + days);
  return dayOf(date);
}

export const dayName = (text) =>
  new Date(text).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: ZONE });

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: ZONE });
const OFFSET = new Intl.DateTimeFormat("en-GB", { timeZoneName: "longOffset", timeZone: ZONE });

// An hour that comes twice (end of daylight saving, half an hour on Lord Howe) has its offset beside it.
export function clock(text) {
  const at = new Date(text).getTime();
  const name = CLOCK.format(at);
  const isTwice = [-60, -30, 30, 60].some((minutes) => CLOCK.format(at + minutes * 60_000) === name);
  const offset = () => OFFSET.formatToParts(at).find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  return isTwice ? `${name} (${offset()})` : name;
}

export function money(minor, currency) {
  const form = new Intl.NumberFormat("en-GB", { style: "currency", currency });
  return form.format(minor / 10 ** form.resolvedOptions().maximumFractionDigits);
}
