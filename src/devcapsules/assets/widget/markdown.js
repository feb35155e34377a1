// Renders a subset of Markdown as elements: never as HTML, links or pictures.

const INLINE = /(`[^`\n]+`)|\*\*([^*\n]+)\*\*|\*([^*\n]+)\*/g;

function inline(parent, text) {
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    parent.append(text.slice(from, found.index));
    const [whole, code, strong, emphasis] = found;
    const element = document.createElement(code ? "code" : strong ? "strong" : "em");
    element.textContent = code ? code.slice(1, -1) : strong || emphasis;
    parent.append(element);
    from = found.index + whole.length;
  }
  parent.append(text.slice(from));
}

function block(parent, tag, text) {
  const element = document.createElement(tag);
  inline(element, text);
  parent.append(element);
  return element;
}

export function markdown(text) {
  const root = document.createDocumentFragment();
  for (const [number, part] of text.split(/^```.*$/m).entries()) {
    if (number % 2) {
      const code = document.createElement("pre");
      code.tabIndex = 0;
      code.append(Object.assign(document.createElement("code"), { textContent: part.replace(/^\n|\n$/g, "") }));
      root.append(code);
      continue;
    }
    for (const paragraph of part.split(/\n\s*\n/)) if (paragraph.trim()) prose(root, paragraph.trim());
  }
  return root;
}

function prose(root, text) {
  const heading = /^(#{1,4}) (.+)$/.exec(text);
  const lines = text.split("\n");
  if (heading) block(root, `h${Math.min(6, heading[1].length + 2)}`, heading[2]);
  else if (lines.every((line) => /^\s*([-*]|\d+\.) /.test(line) || /^\s{2,}/.test(line))) {
    const list = document.createElement(/^\s*\d/.test(text) ? "ol" : "ul");
    for (const line of lines) block(list, "li", line.replace(/^\s*([-*]|\d+\.) /, ""));
    root.append(list);
  } else block(root, "p", lines.join(" "));
}
