/** Texts in XML documents that we write. */

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

// XML 1.0 §2.2: no document may have these, escaped or not.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const impossible = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** A text as the content of an element or of an attribute. */
export function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replace(impossible, '\ufffd')
    .replace(/[&<>"']/g, (char) => escapes[char] ?? char)
}

/** `<name>text</name>` */
export function element(name: string, text: string | number): string {
  return `<${name}>${xmlText(String(text))}</${name}>`
}

/** `<name>` with these inside, each in a line of its own. */
export function parent(name: string, children: readonly string[], attributes = ''): string {
  return [`<${name}${attributes === '' ? '' : ` ${attributes}`}>`, ...children, `</${name}>`].join('\n')
}
