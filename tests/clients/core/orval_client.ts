import { chat, getDrivesRow, insertDrivesRows, listDrivesRows, listTessieVehicles, makeReport } from "./orval";
import type { DrivesRow } from "./orval";

declare const process: { argv: string[] };
const [url = "", key = ""] = process.argv.slice(2);
const own = globalThis.fetch;
globalThis.fetch = (path, init) => own(`${url}${path as string}`, init);
const headers = { authorization: `Bearer ${key}` };
const facts: Record<string, unknown> = {};

const listed = await listDrivesRows(
  { distance_mi: ["gte.1", "lt.10000"], order: "started_at.desc", limit: 2 },
  { headers: { ...headers, prefer: "count=exact" } },
);
const rows: DrivesRow[] = listed.status === 200 ? listed.data : [];
const distance: number | null | undefined = rows[0]?.distance_mi;
facts.list = [rows.length, typeof distance, listed.headers.get("content-range")?.startsWith("0-1/")];

const vin = rows[0]?.vin ?? "";
const row = { vin, tessie_id: 77003, started_at: "2025-01-01T00:00:00Z" };
const made = await insertDrivesRows([row], undefined, { headers });
facts.create = [made.status, made.status === 201 && made.data[0]?.id === `${vin}-77003`];

const none = await getDrivesRow("none", undefined, { headers });
facts.absent = [none.status, none.status === 404 ? none.data.status : null];

const refused = await makeReport({ from: "2025-02-01", to: "2025-01-01" } as never, { headers });
facts.refused = refused.status;

const mirrored = await listTessieVehicles({ headers });
facts.mirror = [mirrored.status, Array.isArray((mirrored.data as unknown as { results: unknown }).results)];

const chatted = await chat({ message: "How far?", stream: false }, { headers });
facts.chat = [chatted.status, chatted.status === 200 ? (chatted.data as { text: string }).text : null];

console.log(JSON.stringify(facts));
