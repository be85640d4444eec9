/**
 * HTML as a row of tags and texts, by the tokenizer of htmlparser2. Its parser is not used: its stack of elements costs the
 * square of their depth, and mail from outside nests as deep as it likes.
 */
import { Tokenizer } from 'htmlparser2'

export type Attributes = ReadonlyMap<string, string>

export type HtmlHandler = {
  /** Names in lower case. */
  open: (name: string, attributes: Attributes) => void
  close: (name: string) => void
  /** With its entities decoded; a text may come in several pieces. */
  text: (text: string) => void
}

/** Of a tag; what is more is left out. */
const attributesMax = 40
const attributeCharsMax = 2_000

export function readHtmlTokens(html: string, handler: HtmlHandler): void {
  let tag = ''
  let attributes = new Map<string, string>()
  let name = ''
  let value = ''
  const openTag = (): void => {
    if (tag !== '') handler.open(tag, attributes)
    tag = ''
  }
  const ignore = (): void => undefined
  const tokenizer = new Tokenizer(
    {},
    {
      onopentagname: (start, end) => {
        tag = html.slice(start, end).toLowerCase()
        attributes = new Map()
      },
      onattribname: (start, end) => {
        name = html.slice(start, Math.min(end, start + attributeCharsMax)).toLowerCase()
        value = ''
      },
      onattribdata: (start, end) => {
        const room = attributeCharsMax - value.length
        if (room > 0) value += html.slice(start, Math.min(end, start + room))
      },
      onattribentity: (codePoint) => {
        if (value.length < attributeCharsMax) value += String.fromCodePoint(codePoint)
      },
      onattribend: () => {
        if (attributes.size < attributesMax && !attributes.has(name)) attributes.set(name, value)
      },
      onopentagend: openTag,
      onselfclosingtag: openTag,
      onclosetag: (start, end) => handler.close(html.slice(start, end).toLowerCase()),
      ontext: (start, end) => handler.text(html.slice(start, end)),
      ontextentity: (codePoint) => handler.text(String.fromCodePoint(codePoint)),
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onprocessinginstruction: ignore,
      onend: ignore,
    },
  )
  tokenizer.write(html)
  tokenizer.end()
}
