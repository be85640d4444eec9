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
  return placedLeaves(structure)
    .filter((leaf) => !leaf.isShown)
    .map((leaf, index) => ({
      number: index + 1,
      filename: filenameOf(leaf.part),
      contentType: `${leaf.part.type}/${leaf.part.subtype}`,
      disposition: isInline(leaf) ? 'inline' : 'attachment',
      contentId: contentIdOf(leaf.part),
      encodedBytes: leaf.part.end - leaf.part.bodyStart,
      part: leaf.part,
    }))
}

/**
 * Whether a message has a file that is meant to be kept: not only pictures that its text shows, its signature (RFC 8551,
 * RFC 3156), or what programs read, such as the calendar data of an invitation.
 */
export function hasAttachments(structure: MimePart): boolean {
  return attachmentsOf(structure).some(
    ({ disposition, filename, contentType, part }) =>
      disposition === 'attachment' &&
      (filename !== null || isAttachment(part.disposition)) &&
      !signatureTypes.includes(contentType),
  )
}

const signatureTypes = [
  'application/pgp-signature',
  'application/pkcs7-signature',
  'application/x-pkcs7-signature',
]

type ShownParts = { plain: MimePart[]; html: MimePart[] }

function shownParts(root: MimePart): ShownParts {
  const shown = placedLeaves(root).flatMap(({ part, isShown }) => (isShown ? part : []))
  const isHtml = ({ subtype }: MimePart): boolean => subtype === 'html'
  return { plain: shown.filter((part) => !isHtml(part)), html: shown.filter(isHtml) }
}

/** A part that has no parts, and where it stands. */
type PlacedLeaf = { part: MimePart; isInRelated: boolean; isShown: boolean }

/** From the first to the last, with those marked that stand for the message. */
function placedLeaves(root: MimePart): PlacedLeaf[] {
  const leaves: PlacedLeaf[] = []
  const visit = (
    part: MimePart,
    place: { isFirst: boolean; isInRelated: boolean; mayShow: boolean },
  ): void => {
    if (part.parts === undefined) {
      const { isInRelated, isFirst, mayShow } = place
      leaves.push({ part, isInRelated, isShown: mayShow && isShownText(part, isFirst) })
      return
    }
    const isInRelated = part.subtype === 'related'
    for (const [index, child] of part.parts.entries()) {
      const isFirst = index === 0
      // RFC 2387 §3.2: the first part of related is the document, the others belong to it. RFC 1847 §2.2: of an
      // encrypted message nothing can be shown.
      const mayShow = place.mayShow && part.subtype !== 'encrypted' && (isFirst || !isInRelated)
      visit(child, { isFirst, isInRelated: isInRelated && !isFirst, mayShow })
    }
  }
  visit(root, { isFirst: true, isInRelated: false, mayShow: true })
  return leaves
}

/**
 * As RFC 8621 §4.1.4 has it: a text that is no attachment. Some programs give the message's own text a name; of a further
 * one it makes a file.
 */
function isShownText(part: MimePart, isFirst: boolean): boolean {
  const { type, subtype, disposition, message } = part
  if (type !== 'text' || message !== undefined || isAttachment(disposition)) return false
  return (
    (isFirst || givenName(part) === undefined) && ['plain', 'html', 'enriched', 'markdown'].includes(subtype)
  )
}

/** RFC 2183 §2.8: a disposition that nobody knows is an attachment. */
function isAttachment(disposition: MimePart['disposition']): boolean {
  return disposition !== undefined && disposition.type !== 'inline'
}

/** What the text refers to by its Content-ID (RFC 2392). Some programs give such a part no disposition. */
function isInline({ part, isInRelated }: PlacedLeaf): boolean {
  if (isAttachment(part.disposition) || part.id === undefined) return false
  return isInRelated || part.type === 'image'
}

function contentIdOf({ id }: MimePart): string | null {
  return id === undefined ? null : (/<([^<>]+)>/.exec(id)?.[1]?.trim() ?? id.trim())
}

/** RFC 2183 §2.3; of a message its subject. A name is no path: only what follows the last separator. */
function filenameOf(part: MimePart): string | null {
  const given = givenName(part)
  if (given === undefined) {
    if (part.message === undefined) return null
    const subject = cleanName(decodeHeaderText(part.message.envelope.subject ?? '').replace(/[/\\]/g, ' '))
    return `${subject ?? 'message'}.eml`
  }
  return cleanName(decodeHeaderText(given))
}

function givenName({ disposition, params }: MimePart): string | undefined {
  const ofDisposition = disposition?.params?.find(([name]) => name === 'filename')?.[1]
  return ofDisposition || params?.find(([name]) => name === 'name')?.[1] || undefined
}

const filenameCharsMax = 200
const extensionCharsMax = 20

/** Null where nothing is left. Signs that turn the direction of writing make a name look like another one. */
function cleanName(name: string): string | null {
  const last =
    name
      .toWellFormed()
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
      .split(/[/\\]/)
      .at(-1)
      ?.trim() ?? ''
  if (/^\.*$/.test(last)) return null
  if (last.length <= filenameCharsMax) return last
  const dot = last.lastIndexOf('.')
  const extension = dot > 0 && last.length - dot <= extensionCharsMax ? last.slice(dot) : ''
  return `${last.slice(0, filenameCharsMax - extension.length)}${extension}`.toWellFormed()
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
