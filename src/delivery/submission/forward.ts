/** A stored message passed on: inside the new one, as people do, or attached to it, as it came. */
import { escapeHtml } from '../../messages/content/safe-html.ts'
import type { Platform } from '../../platform/platform.ts'
import type { NewAttachment, NewMessageParts } from './compose.ts'
import type { Original } from './original.ts'
import { appendHtml, htmlForward, textForward } from './quote.ts'
import { carryPictures, type Written } from './reply.ts'
import { uniquePeople, without } from './reply-recipients.ts'
import { forwardSubject } from './reply-subject.ts'
import { readAttachment, requireFitting, resolveAttachments } from './stored-attachments.ts'

export type ForwardChoice =
  | { mode: 'inline'; attachments: boolean }
  /** As message/rfc822, byte for byte. */
  | { mode: 'attachment' }

/**
 * It starts a conversation of its own: nothing in it refers to the original's.
 * @throws Refusal payload_too_large, before anything of the original's attachments is read.
 */
export async function composeForward(
  platform: Platform,
  mailboxId: string,
  original: Original,
  written: Written,
  choice: ForwardChoice,
): Promise<NewMessageParts> {
  const to = uniquePeople(written.to ?? [])
  const cc = without(uniquePeople(written.cc), to)
  const parts: NewMessageParts = {
    ...written,
    to,
    cc,
    bcc: without(uniquePeople(written.bcc), [...to, ...cc]),
    subject: written.subject ?? forwardSubject(original.subject),
  }
  if (choice.mode === 'attachment') {
    const whole = { messageId: original.message.id, number: null }
    const attachments = await resolveAttachments(platform, mailboxId, [...written.attachments, whole])
    // Without any text the attached message would be all there is, and not be attached to anything.
    const text = written.text ?? (written.html === null ? '' : null)
    return { ...parts, attachments, text: text === '' ? '\n' : text }
  }
  return { ...parts, ...(await inline(platform, original, written, choice.attachments)) }
}

async function inline(
  platform: Platform,
  original: Original,
  written: Written,
  withAttachments: boolean,
): Promise<Pick<NewMessageParts, 'text' | 'html' | 'attachments'>> {
  // The original's HTML is passed on as such also where the caller wrote nothing, or text alone.
  const asHtml = written.html !== null || original.content.html !== null
  const pictures = carryPictures(original)
  const shown = new Set<string>()
  const contentIdOf = (id: string): string | null => {
    const carried = pictures.contentIdOf(id)
    if (carried !== null) shown.add(id)
    return carried
  }
  const own = written.html ?? textAsHtml(written.text ?? '')
  const html = asHtml ? appendHtml(own, htmlForward(original, { contentIdOf })) : null
  const text = `${written.text === null ? '' : `${written.text}\n\n`}${textForward(original)}`
  const others = withAttachments
    ? original.attachments.filter(({ contentId }) => contentId === null || !shown.has(contentId))
    : []
  requireFitting(
    platform,
    others.map(({ encodedBytes }) => encodedBytes),
  )
  const passedOn: NewAttachment[] = []
  for (const attachment of others) {
    // No cid: nothing shows it, and it would be hidden among the pictures of the HTML.
    const read = await readAttachment(platform, original.message, attachment)
    passedOn.push({ ...read, contentId: null, disposition: 'attachment' })
  }
  const attachments = [...written.attachments, ...(await pictures.read(platform)), ...passedOn]
  return { text, html, attachments }
}

function textAsHtml(text: string): string {
  return text === '' ? '' : `<div style="white-space: pre-wrap">${escapeHtml(text)}</div>`
}
