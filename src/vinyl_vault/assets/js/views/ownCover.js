// Uploads a picture as a cover. It is resized here, which also rotates it upright and removes its metadata.
import { button, el, say } from "../dom.js";
import { read } from "../session.js";

const LONGEST_SIDE = 1200;
const QUALITY = 0.88;

export function ownCover(site, record, problem) {
  const file = el("input", { type: "file", accept: "image/jpeg,image/png,image/webp", hidden: true, "aria-label": "Picture of the cover" });
  const run = async (work) => {
    problem("");
    choose.disabled = true;
    try {
      await work();
    } catch (fault) {
      problem(fault.message);
    } finally {
      choose.disabled = false;
      file.value = "";
    }
  };
  const choose = button(record.cover ? "Change cover" : "Add a cover", () => file.click(), { class: "quiet" });
  file.addEventListener("change", () => file.files[0] && run(() => upload(site, record.id, file.files[0])));
  return [choose, file, record.cover && button("Remove cover", () => site.model.edit(record.id, { cover: null }), { class: "quiet" })];
}

async function upload(site, id, file) {
  const picture = await smaller(file);
  if (site.model.unsent.has(id)) await site.sync.now(); // the server must know the record
  await read(await site.session.fetch(`/api/collection/${encodeURIComponent(id)}/cover`, { method: "PUT", headers: { "content-type": picture.type }, body: picture }));
  await site.sync.now();
  say("The cover is stored.");
}

async function smaller(file) {
  const bitmap = await createImageBitmap(file).catch(() => { throw new Error("This is no picture that can be read here: choose a JPEG, PNG or WebP."); });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = el("canvas", { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // a JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture could not be made smaller."))), "image/jpeg", QUALITY);
  });
}
