/** How messages look in results: what the platform knows as words and data, and what senders wrote apart from it. */
import { type FlagSet, flagBits } from '../../messages/flags.ts'
import { fieldsOf, type PersonField } from '../../messages/message-fields.ts'
import type { MessageSummary, SizedAttachment } from '../../messages/read-message.ts'
import type { Trust } from '../../messages/trust.ts'
import { cleanLine } from '../clean-text.ts'
import { mcpLimits } from '../limits.ts'

type Data = Record<string, unknown>

const previewChars = 200

/** What can be said of a message without quoting it. */
export type Facts = Pick<
  MessageSummary,
  | 'id'
  | 'threadId'
  | 'folderPath'
  | 'internalDate'
  | 'flags'
  | 'keywords'
  | 'sizeBytes'
  | 'hasAttachments'
  | 'envelope'
>

export function factsData(message: Facts): Data {
  return {
    id: message.id,
    thread_id: message.threadId,
    folder: cleanLine(message.folderPath, mcpLimits.lineChars),
    received_at: message.internalDate.toISOString(),
    unread: isUnread(message),
    flags: flagNames(message),
    labels: message.keywords,
    size_bytes: message.sizeBytes,
    has_attachments: message.hasAttachments,
  }
}

export function summaryData(message: MessageSummary): Data {
  const { from, to, subject } = headline(message)
  const preview = cleanLine(message.preview, previewChars)
  return { ...factsData(message), untrusted: { from, to, subject, preview } }
}

/** A list of messages, from the first to the last, as text that came from mail. Null: there are none. */
export function summaryLines(messages: readonly MessageSummary[]): string | null {
  if (messages.length === 0) return null
  return messages
    .map((message) => {
      const { from, to, subject } = headline(message)
      const marks = [
        isUnread(message) ? 'unread' : 'read',
        ...flagNames(message).filter((flag) => flag !== 'seen'),
        ...(message.hasAttachments ? ['has attachments'] : []),
      ]
      return [
        `[message ${message.id}] ${message.internalDate.toISOString()}, ${cleanLine(message.folderPath, mcpLimits.lineChars)}, ${marks.join(', ')}`,
        `  From: ${from.join(', ')}`,
        `  To: ${to.join(', ')}`,
        `  Subject: ${subject ?? '(none)'}`,
        `  ${cleanLine(message.preview, previewChars)}`,
      ].join('\n')
    })
    .join('\n')
}

type Headline = { from: string[]; to: string[]; subject: string | null }

function headline({ envelope }: Pick<Facts, 'envelope'>): Headline {
  const { from, to, subject } = fieldsOf(envelope, 'short')
  return {
    from: peopleText(from),
    to: peopleText(to),
    subject: subject === null ? null : cleanLine(subject, mcpLimits.lineChars),
  }
}

/** The fields of one message: more than of one in a list. */
export function headerData({ envelope }: Pick<Facts, 'envelope'>): Data {
  const { cc, replyTo, sentAt } = fieldsOf(envelope, 'short')
  return {
    ...headline({ envelope }),
    cc: peopleText(cc),
    reply_to: peopleText(replyTo),
    date: sentAt === null ? null : sentAt.toISOString(),
  }
}

export function headerLines({ envelope }: Pick<Facts, 'envelope'>): string {
  const { from, to, subject } = headline({ envelope })
  const { cc, replyTo, sentAt } = fieldsOf(envelope, 'short')
  const answersTo = peopleText(replyTo)
  return [
    `From: ${from.join(', ')}`,
    ...(answersTo.join() === from.join() ? [] : [`Reply-To: ${answersTo.join(', ')}`]),
    `To: ${to.join(', ')}`,
    ...(cc.length === 0 ? [] : [`Cc: ${peopleText(cc).join(', ')}`]),
    ...(sentAt === null ? [] : [`Date: ${sentAt.toISOString()}`]),
    `Subject: ${subject ?? '(none)'}`,
  ].join('\n')
}

function peopleText(people: readonly PersonField[]): string[] {
  const shown = people.slice(0, mcpLimits.peopleMax).map(({ name, address }) => {
    const plain = cleanLine(address, mcpLimits.lineChars)
    return name === null ? plain : `${cleanLine(name, mcpLimits.lineChars)} <${plain}>`
  })
  const more = people.length - shown.length
  return more > 0 ? [...shown, `and ${more} more`] : shown
}

/** The first of a message's attachments, and how many it has. */
export function attachmentsData(attachments: readonly SizedAttachment[]): Data {
  return {
    attachment_count: attachments.length,
    attachments: attachments.slice(0, mcpLimits.attachmentsShownMax).map((one) => ({
      number: one.number,
      size_bytes: one.sizeBytes,
      inline: one.disposition === 'inline',
      untrusted: {
        filename: filenameOf(one),
        content_type: cleanLine(one.contentType, mcpLimits.lineChars),
      },
    })),
  }
}

export function attachmentLines(attachments: readonly SizedAttachment[]): string[] {
  const shown = attachments
    .slice(0, mcpLimits.attachmentsShownMax)
    .map(
      (one) =>
        `Attachment ${one.number}: ${filenameOf(one) ?? '(no name)'}, ${cleanLine(one.contentType, mcpLimits.lineChars)}, ` +
        `${one.sizeBytes} bytes${one.disposition === 'inline' ? ', inline' : ''}`,
    )
  const more = attachments.length - shown.length
  return more > 0 ? [...shown, `and ${more} more attachments, up to number ${attachments.length}`] : shown
}

function filenameOf({ filename }: SizedAttachment): string | null {
  return filename === null ? null : cleanLine(filename, mcpLimits.lineChars)
}

export function isUnread({ flags }: Pick<FlagSet, 'flags'>): boolean {
  return (flags & flagBits.seen) === 0
}

const names = ['seen', 'answered', 'flagged', 'draft', 'deleted'] as const

function flagNames({ flags }: Pick<FlagSet, 'flags'>): string[] {
  return names.filter((name) => (flags & flagBits[name]) !== 0)
}

/** What was found out about where a message came from, without a word of the sender's. */
export function trustData(trust: Trust | null): Data | null {
  if (trust === null) return null
  return {
    spf: trust.spf.result,
    dkim: trust.dkim.some(({ result }) => result === 'pass') ? 'pass' : (trust.dkim[0]?.result ?? 'none'),
    dkim_aligned: trust.dkim.some(({ result, aligned }) => result === 'pass' && aligned),
    dmarc: trust.dmarc.result,
    spam: trust.spam?.action ?? null,
    warnings: trustWarnings(trust),
  }
}

export function trustWords(trust: Trust | null): string {
  if (trust === null) return 'Where it comes from was not checked: it did not arrive from outside.'
  const { spf, dkim, dmarc } = { spf: trust.spf.result, dmarc: trust.dmarc.result, dkim: trust.dkim }
  const isSigned = dkim.some(({ result }) => result === 'pass')
  const isProved = dmarc === 'pass'
  return [
    `Checks of where it comes from: SPF ${spf}, DKIM ${isSigned ? 'pass' : (dkim[0]?.result ?? 'none')}, DMARC ${dmarc}.`,
    isProved ? 'The domain of the author is proved.' : 'It is not proved that the author is who it says.',
    ...trustWarnings(trust).map((warning) => `Warning: ${warning}`),
  ].join(' ')
}

function trustWarnings(trust: Trust): string[] {
  return [
    ...(trust.spam?.action === 'junk' ? ['it was judged to be junk.'] : []),
    ...(trust.look_alike === null ? [] : ['its display name looks like somebody else’s.']),
    ...(trust.reply_to_mismatch === null ? [] : ['answers would go to another domain than the author’s.']),
    ...(trust.hidden_text ? ['its HTML hides text from people; hidden text is left out here.'] : []),
  ]
}
