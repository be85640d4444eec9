/**
 * What a person reads of a message: its text, its HTML and its attachments, as mail programs choose them (RFC 2046 §5.1,
 * RFC 2183, RFC 2387). Nothing is changed or judged here: HTML is as the sender wrote it.
 */
import type { Db } from '../../platform/database.ts'
import { type BodyReader, readBodies } from '../bodies-read.ts'
import { decodeHeaderText } from '../mime/encoded-words.ts'
import type { MimePart } from '../mime/structure.ts'
import { readPartText } from './part-text.ts'

export type MessageContent = {
  /** All plain texts that are shown, one under the other; null where the message has none. */
  text: string | null
  /** Likewise of the HTML. */
  html: string | null
  /** A text was longer than `textCharsMax`, and what is longer is left out. */
  isTruncated: boolean
}

export type Attachment = {
  /** Counts from 1, in the order of the message: a message's attachments never change. */
  number: number
  /** Without directories; null where the sender gave none. */
  filename: string | null
  /** In lower case, without parameters. */
  contentType: string
  disposition: 'attachment' | 'inline'
  /** Without angle brackets, for `cid:` in the HTML. */
  contentId: string | null
  /** Octets of the part as it is in the message, transfer encoding included. */
  encodedBytes: number
  part: MimePart
}

/** Characters of all texts of a kind that are read. */
export const textCharsMax = 2 * 1024 * 1024

/** @throws when the body is gone, which one of a message never is. */
export async function readContent(db: Db, bodyId: string, structure: MimePart): Promise<MessageContent> {
  return await contentOf(await requireBody(db, bodyId), structure)
}

/** @throws when the body is gone, which one of a message never is. */
export async function requireBody(db: Db, bodyId: string): Promise<BodyReader> {
  const body = (await readBodies(db, [bodyId])).get(bodyId)
  if (body === undefined) throw new Error(`body ${bodyId} is gone`)
  return body
}

/** The same of a body that is being read already. */
export async function contentOf(body: BodyReader, structure: MimePart): Promise<MessageContent> {
  const shown = shownParts(structure)
  const text = await readTexts(body, shown.plain)
  const html = await readTexts(body, shown.html)
  return { text: text.text, html: html.text, isTruncated: text.isTruncated || html.isTruncated }
}

/** Everything that is not shown as the message's text. An attached message is one attachment, whatever it has inside. */
export function attachmentsOf(structure: MimePart): Attachment[] {
  const { plain, html } = shownParts(structure)
  const shown = new Set([...plain, ...html])
  return leavesOf(structure)
    .filter((part) => !shown.has(part))
    .map((part, index) => ({
      number: index + 1,
      filename: filenameOf(part),
      contentType: `${part.type}/${part.subtype}`,
      disposition: part.disposition?.type === 'inline' || isRelated(part) ? 'inline' : 'attachment',
      contentId: contentIdOf(part),
      encodedBytes: part.end - part.bodyStart,
      part,
    }))
}

/** Whether a message has a file that is meant to be kept, and not only pictures that its text shows. */
export function hasAttachments(structure: MimePart): boolean {
  return attachmentsOf(structure).some(({ disposition }) => disposition === 'attachment')
}

type ShownParts = { plain: MimePart[]; html: MimePart[] }

/** The texts that stand for the message. A text with a file name or the disposition `attachment` is an attachment. */
function shownParts(root: MimePart): ShownParts {
  const shown: ShownParts = { plain: [], html: [] }
  const visit = (part: MimePart): void => {
    if (part.parts === undefined) {
      if (isShownText(part)) shown[part.subtype === 'html' ? 'html' : 'plain'].push(part)
      return
    }
    if (part.subtype === 'encrypted') return
    // RFC 2387 §3.2: the first part of related is the document; the others belong to it.
    for (const child of part.subtype === 'related' ? part.parts.slice(0, 1) : part.parts) visit(child)
  }
  visit(root)
  return shown
}

function isShownText({ type, subtype, disposition, message, params }: MimePart): boolean {
  if (type !== 'text' || message !== undefined || disposition?.type === 'attachment') return false
  const isNamed =
    disposition?.params?.some(([name]) => name === 'filename') || params?.some(([name]) => name === 'name')
  return !isNamed && ['plain', 'html', 'enriched', 'markdown'].includes(subtype)
}

/** Parts that have no parts, from the first to the last. */
function leavesOf(part: MimePart): MimePart[] {
  return part.parts === undefined ? [part] : part.parts.flatMap(leavesOf)
}

/** A picture that the HTML shows has a Content-ID and no disposition in the mail of some programs. */
function isRelated(part: MimePart): boolean {
  return part.disposition === undefined && part.id !== undefined && part.type === 'image'
}

function contentIdOf({ id }: MimePart): string | null {
  return id === undefined ? null : (/<([^<>]+)>/.exec(id)?.[1]?.trim() ?? id.trim())
}

/** RFC 2183 §2.3, RFC 2046 §5.2.1 for a message: its subject. A name is no path: only what follows the last separator. */
function filenameOf({ disposition, params, message }: MimePart): string | null {
  const given =
    disposition?.params?.find(([name]) => name === 'filename')?.[1] ??
    params?.find(([name]) => name === 'name')?.[1]
  if (given === undefined) {
    if (message === undefined) return null
    const subject = decodeHeaderText(message.envelope.subject ?? '').trim()
    return `${subject === '' ? 'message' : cleanName(subject)}.eml`
  }
  const name = cleanName(decodeHeaderText(given))
  return name === '' ? null : name
}

const filenameCharsMax = 200

function cleanName(name: string): string {
  const last =
    name
      .toWellFormed()
      .replace(/\p{Cc}+/gu, ' ')
      .split(/[/\\]/)
      .at(-1) ?? ''
  return last.trim().slice(0, filenameCharsMax)
}

async function readTexts(
  body: BodyReader,
  parts: readonly MimePart[],
): Promise<{ text: string | null; isTruncated: boolean }> {
  if (parts.length === 0) return { text: null, isTruncated: false }
  const texts: string[] = []
  let charsLeft = textCharsMax
  for (const part of parts) {
    let text = ''
    for await (const piece of readPartText(body, part)) {
      text += piece
      if (text.length > charsLeft)
        return { text: [...texts, text.slice(0, charsLeft).toWellFormed()].join('\n'), isTruncated: true }
    }
    charsLeft -= text.length
    texts.push(text)
  }
  return { text: texts.join('\n'), isTruncated: false }
}
