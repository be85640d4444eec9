/** A reply to a stored message, as a submission: the ground of it is in references.ts, reply-recipients.ts and quote.ts. */
import type { Mailbox } from '../../mailboxes/tables.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { NewAttachment, NewMessageParts, Person } from './compose.ts'
import type { Original } from './original.ts'
import { appendHtml, htmlReplyQuote, textReplyQuote } from './quote.ts'
import { withReplyFields } from './references.ts'
import { type ReplyAudience, recipientsOfReply, uniquePeople, without } from './reply-recipients.ts'
import { replySubject } from './reply-subject.ts'
import { readAttachment, requireFitting } from './stored-attachments.ts'

/** What the caller writes of a reply or a forward. */
export type Written = Omit<NewMessageParts, 'to' | 'subject'> & {
  /** Null: those that follow from the original. */
  to: readonly Person[] | null
  /** Null: the original's, with a mark. */
  subject: string | null
}

export type ReplyChoice = ReplyAudience & {
  /** Whether the original follows what was written. */
  quote: boolean
}

/**
 * @returns parts without a recipient where the original names nobody else and the caller nobody.
 * @throws Refusal payload_too_large.
 */
export async function composeReply(
  platform: Platform,
  mailbox: Pick<Mailbox, 'id' | 'address'>,
  original: Original,
  written: Written,
  choice: ReplyChoice,
): Promise<NewMessageParts> {
  const { to, cc, bcc } = await addressed(platform, mailbox, original, written, choice)
  const parts: NewMessageParts = {
    ...written,
    to,
    cc,
    bcc,
    subject: written.subject ?? replySubject(original.subject),
    headers: withReplyFields(original, written.headers),
  }
  if (!choice.quote) return parts
  const pictures = carryPictures(original)
  const text = written.text ?? (written.html === null ? '' : null)
  return {
    ...parts,
    text: text === null ? null : `${text}\n\n${textReplyQuote(original)}`,
    html: written.html === null ? null : appendHtml(written.html, htmlReplyQuote(original, pictures)),
    attachments: [...written.attachments, ...(await pictures.read(platform))],
  }
}

async function addressed(
  platform: Platform,
  mailbox: Pick<Mailbox, 'id' | 'address'>,
  original: Original,
  written: Written,
  choice: ReplyChoice,
): Promise<{ to: Person[]; cc: Person[]; bcc: Person[] }> {
  const derived = await recipientsOfReply(platform, mailbox, original, choice)
  const to = uniquePeople(written.to ?? derived.to)
  const cc = without(uniquePeople([...derived.cc, ...written.cc]), to)
  return { to, cc, bcc: without(uniquePeople(written.bcc), [...to, ...cc]) }
}

export type CarriedPictures = {
  /** The Content-ID that a picture of the original has in the new message; null for what is none of its pictures. */
  contentIdOf: (id: string) => string | null
  /** Those that were asked for. @throws Refusal payload_too_large. */
  read(platform: Platform): Promise<NewAttachment[]>
}

const picturesMax = 50

/** Pictures that the quoted HTML shows go along, under ids of their own: the caller's may be the same. */
export function carryPictures({ message, attachments }: Original): CarriedPictures {
  const ids = new Map<string, string>()
  const pictures = new Map(
    attachments.flatMap((one) =>
      one.contentId !== null && one.contentType.startsWith('image/') ? [[one.contentId, one] as const] : [],
    ),
  )
  return {
    contentIdOf(id) {
      if (!pictures.has(id) || (!ids.has(id) && ids.size >= picturesMax)) return null
      const carried = ids.get(id) ?? `${newId()}@quoted`
      ids.set(id, carried)
      return carried
    },
    async read(platform) {
      const wanted = [...ids].flatMap(([id, contentId]) => {
        const picture = pictures.get(id)
        return picture === undefined ? [] : [{ picture, contentId }]
      })
      requireFitting(
        platform,
        wanted.map(({ picture }) => picture.encodedBytes),
      )
      const read: NewAttachment[] = []
      for (const { picture, contentId } of wanted) {
        read.push({ ...(await readAttachment(platform, message, picture)), contentId, disposition: 'inline' })
      }
      return read
    },
  }
}
