import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };
const [url = "", key = ""] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });
const facts: Record<string, unknown> = {};

const listed = await api.GET("/d1/drives", {
  params: { query: { distance_mi: ["gte.1", "lt.10000"], order: "started_at.desc", limit: 2 }, header: { Prefer: "count=exact" } },
});
const rows: components["schemas"]["DrivesRow"][] = listed.data ?? [];
const distance: number | null | undefined = rows[0]?.distance_mi;
facts.list = [rows.length, typeof distance, listed.response.headers.get("content-range")?.startsWith("0-1/")];

const vin = rows[0]?.vin ?? "";
const made = await api.POST("/d1/drives", { body: [{ vin, tessie_id: 77001, started_at: "2025-01-01T00:00:00Z" }] });
facts.create = [made.response.status, made.data?.[0]?.id === `${vin}-77001`];

const none = await api.GET("/d1/drives/{row_id}", { params: { path: { row_id: "none" } } });
const problem: components["schemas"]["Problem"] | undefined = none.error;
facts.absent = [none.response.status, problem?.status];

const refused = await api.POST("/colbycommands/energy-report", { body: { from: "2025-02-01", to: "2025-01-01" } as never });
facts.refused = refused.response.status;

const mirrored = await api.GET("/tessieapi/vehicles");
facts.mirror = [mirrored.response.status, Array.isArray((mirrored.data as unknown as { results: unknown }).results)];

const chatted = await api.POST("/agent/chat", { body: { message: "How far?", stream: false } });
facts.chat = [chatted.response.status, (chatted.data as components["schemas"]["TurnDone"]).text];

console.log(JSON.stringify(facts));
