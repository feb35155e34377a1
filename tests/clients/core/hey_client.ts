import { client } from "./hey/client.gen";
import { chat, getDrivesRow, insertDrivesRows, listDrivesRows, listTessieVehicles, makeReport } from "./hey";
import type { DrivesRow } from "./hey";

declare const process: { argv: string[] };
const [url = "", key = ""] = process.argv.slice(2);
client.setConfig({ baseUrl: url, auth: key });
const facts: Record<string, unknown> = {};

const listed = await listDrivesRows({
  query: { distance_mi: ["gte.1", "lt.10000"], order: "started_at.desc", limit: 2 },
  headers: { Prefer: "count=exact" },
});
const rows: DrivesRow[] = listed.data ?? [];
const distance: number | null | undefined = rows[0]?.distance_mi;
facts.list = [rows.length, typeof distance, listed.response?.headers.get("content-range")?.startsWith("0-1/")];

const vin = rows[0]?.vin ?? "";
const made = await insertDrivesRows({ body: [{ vin, tessie_id: 77002, started_at: "2025-01-01T00:00:00Z" }] });
facts.create = [made.response?.status, made.data?.[0]?.id === `${vin}-77002`];

const none = await getDrivesRow({ path: { row_id: "none" } });
facts.absent = [none.response?.status, none.error?.status];

const refused = await makeReport({ body: { from: "2025-02-01", to: "2025-01-01" } as never });
facts.refused = refused.response?.status;

const mirrored = await listTessieVehicles();
facts.mirror = [mirrored.response?.status, Array.isArray((mirrored.data as unknown as { results: unknown }).results)];

const chatted = await chat({ body: { message: "How far?", stream: false } });
facts.chat = [chatted.response?.status, typeof chatted.data === "object" ? chatted.data?.text : null];

console.log(JSON.stringify(facts));
