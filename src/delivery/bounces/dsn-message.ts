/** A delivery status notification as a message: a part for people, one for programs, and what was sent (RFC 6522). */
import { dateTime } from '../trace.ts'
import type { DsnKind, DsnRecipient, DsnReport } from './dsn-report.ts'
import { deliveryStatus, hasBeyondAscii } from './dsn-status.ts'
import { wordsOf } from './dsn-words.ts'

/** The bytes of the report, lines ending in CRLF. */
export function buildDsn(report: DsnReport): Buffer {
  const boundary = `=_report_${report.messageId.replace(/[^\w-]/g, '_').slice(0, 50)}`
  const status = Buffer.from(deliveryStatus(report))
  const global = report.recipients.some(({ rcptTo }) => hasBeyondAscii(rcptTo))
  const parts = [
    part('text/plain; charset=utf-8', Buffer.from(humanPart(report))),
    part(global ? 'message/global-delivery-status' : 'message/delivery-status', status),
    ...(report.original === null ? [] : [returned(report.original)]),
  ]
  const opened = parts.flatMap((one) => [Buffer.from(`--${boundary}\r\n`), one, Buffer.from('\r\n')])
  return Buffer.concat([Buffer.from(header(report, boundary)), ...opened, Buffer.from(`--${boundary}--\r\n`)])
}

function header(report: DsnReport, boundary: string): string {
  const { original, hostname } = report
  const reference = original?.messageId ?? null
  return [
    `From: Mail Delivery System <mailer-daemon@${hostname}>`,
    `To: <${report.to}>`,
    `Subject: ${encodedSubject(subjectOf(report))}`,
    `Date: ${dateTime(report.at)}`,
    `Message-ID: <${report.messageId}>`,
    ...(reference === null || !isSafeId(reference)
      ? []
      : [`In-Reply-To: <${reference}>`, `References: <${reference}>`]),
    'Auto-Submitted: auto-replied', // RFC 3834 §5
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    '',
    '',
  ].join('\r\n')
}

function isSafeId(id: string): boolean {
  return /^[\x21-\x7e]{1,900}$/.test(id) && !/[<>]/.test(id)
}

function subjectOf({ kind, recipients }: DsnReport): string {
  const [only] = recipients
  const whom = recipients.length === 1 && only ? only.rcptTo : `${recipients.length} recipients`
  if (kind === 'failed') return `Not delivered to ${whom}`
  return kind === 'delayed' ? `Not yet delivered to ${whom}` : `Passed on to ${whom}`
}

/** RFC 2047, in words of at most 45 bytes. */
function encodedSubject(text: string): string {
  if (!hasBeyondAscii(text)) return text
  const words: string[] = ['']
  for (const character of text) {
    const last = words.at(-1) ?? ''
    if (Buffer.byteLength(last + character) > 45) words.push(character)
    else words[words.length - 1] = last + character
  }
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ')
}

const openings = {
  failed: 'Your message could not be delivered to everyone. It is not tried again for:',
  delayed: 'Your message is not delivered yet. It is tried again by itself: you need not send it again.',
  relayed: 'Your message was handed to the recipient’s server, which does not tell when it is delivered:',
} as const

function humanPart(report: DsnReport): string {
  const { original, arrivedAt, hostname, kind, recipients } = report
  const lines = [
    `This is the mail system at ${hostname}.`,
    '',
    openings[kind],
    ...recipients.flatMap((recipient) => ['', ...aboutRecipient(kind, recipient)]),
    '',
    'The message was:',
    ...(original?.subject ? [`  Subject: ${printable(original.subject)}`] : []),
    `  Received: ${dateTime(arrivedAt)}`,
    '',
  ]
  return lines.flatMap(wrapped).join('\r\n')
}

function aboutRecipient(kind: DsnKind, recipient: DsnRecipient): string[] {
  const { bounceClass, remoteHost, reply, retryUntil } = recipient
  const { what, advice } = wordsOf(bounceClass)
  const said = reply === null ? [] : reply.split(/\r?\n/).map(printable)
  const isReply = remoteHost !== null && /^\d{3}/.test(reply ?? '')
  const who = isReply ? `  ${printable(remoteHost)} said:` : '  The reason:'
  return [
    `<${recipient.rcptTo}>`,
    ...(kind === 'relayed' ? [] : [`  ${what}`]),
    ...(kind === 'failed' ? [`  ${advice}`] : []),
    ...(said.length === 0 || kind === 'relayed' ? [] : [who, ...said.map((line) => `    ${line}`)]),
    ...(retryUntil === null ? [] : [`  It is tried until ${dateTime(retryUntil)}.`]),
  ]
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

const lineLengthMax = 200

/** A line that is far too long goes on in the next, with its own margin. */
function wrapped(line: string): string[] {
  if (line.length <= lineLengthMax) return [line]
  const margin = /^ */.exec(line)?.[0] ?? ''
  const rest = [...line]
  const lines = [rest.splice(0, lineLengthMax).join('')]
  while (rest.length > 0) lines.push(margin + rest.splice(0, lineLengthMax - margin.length).join(''))
  return lines
}

function returned({ header: original, message }: NonNullable<DsnReport['original']>): Buffer {
  // A header in UTF-8 needs the types of RFC 6533 §5.
  const global = isBeyondAscii(original)
  if (message !== null) return part(global ? 'message/global' : 'message/rfc822', message)
  return part(global ? 'message/global-headers' : 'text/rfc822-headers', original)
}

function part(type: string, content: Buffer): Buffer {
  const encoding = isBeyondAscii(content) ? '8bit' : '7bit'
  return Buffer.concat([
    Buffer.from(`Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
    content,
  ])
}

function isBeyondAscii(bytes: Buffer): boolean {
  return bytes.some((byte) => byte > 0x7f)
}
