// The editor of devcapsules' widget: build.mjs bundles it with CodeMirror as widget/editor.js.
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, drawSelection, highlightActiveLine } from "@codemirror/view";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { StreamLanguage, syntaxHighlighting, HighlightStyle, bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { tags } from "@lezer/highlight";
import { python } from "@codemirror/legacy-modes/mode/python";
import { javascript, typescript } from "@codemirror/legacy-modes/mode/javascript";

const MODES = { python, javascript, typescript };
const style = HighlightStyle.define([
  { tag: tags.keyword, fontWeight: "bold" },
  { tag: [tags.string, tags.number, tags.bool], color: "var(--good)" },
  { tag: tags.comment, fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.function(tags.variableName)], color: "var(--accent)" },
]);
const theme = EditorView.theme({
  "&": { color: "var(--fore)", backgroundColor: "var(--soft)", fontSize: ".95rem" },
  ".cm-content": { fontFamily: "ui-monospace, monospace", caretColor: "var(--fore)", minHeight: "12rem" },
  ".cm-gutters": { color: "var(--fore)", backgroundColor: "var(--soft)", border: "none" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  ".cm-cursor": { borderLeftColor: "var(--fore)" },
  "&.cm-focused": { outline: "3px solid var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 35%, transparent)" },
});

export function mountEditor(host, { code, language, label, help, onChange }) {
  const root = host.shadowRoot || host.attachShadow({ mode: "open" });
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: code,
      extensions: [
        lineNumbers(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(),
        indentUnit.of(language === "python" ? "    " : "  "),
        StreamLanguage.define(MODES[language]), syntaxHighlighting(style), theme, EditorView.lineWrapping,
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ "aria-label": `${label}. ${help}`, autocapitalize: "off", spellcheck: "false" }),
        EditorView.updateListener.of((update) => update.docChanged && onChange()),
      ],
    }),
  });
  return {
    code: () => view.state.doc.toString(),
    setCode: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    focus: (place = 0) => {
      view.dispatch({ selection: { anchor: Math.min(place, view.state.doc.length) } });
      view.focus();
    },
  };
}
