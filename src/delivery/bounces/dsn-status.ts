/**
 * The machine's part of a delivery status notification: fields about the message, then a group for each recipient
 * (RFC 3464 §2; RFC 6533 §3 for addresses beyond ASCII).
 */
import { dateTime } from '../trace.ts'
import type { DsnKind, DsnRecipient, DsnReport } from './dsn-report.ts'
import { wordsOf } from './dsn-words.ts'

const actions = { failed: 'failed', delayed: 'delayed', relayed: 'relayed' } as const satisfies Record<
  DsnKind,
  string
>

/** The fields, each with its CRLF. */
export function deliveryStatus(report: DsnReport): string {
  const groups = report.recipients.map((recipient) => recipientFields(report.kind, recipient))
  return [messageFields(report), ...groups].map((fields) => fields.join('')).join('\r\n')
}

export function hasBeyondAscii(text: string): boolean {
  return /[^\p{ASCII}]/u.test(text)
}

function messageFields({ envid, hostname, arrivedAt }: DsnReport): string[] {
  return [
    // RFC 3464 §2.2.1: as the sender gave it, decoded.
    ...(envid === null ? [] : [field('Original-Envelope-Id', ascii(decodeXtext(envid)))]),
    field('Reporting-MTA', `dns; ${hostname}`),
    field('Arrival-Date', dateTime(arrivedAt)),
  ]
}

function recipientFields(kind: DsnKind, recipient: DsnRecipient): string[] {
  const { orcpt, rcptTo, remoteHost, reply, lastAttemptAt, retryUntil } = recipient
  return [
    ...(orcpt === null ? [] : [field('Original-Recipient', originalRecipient(orcpt))]),
    field('Final-Recipient', typedAddress(rcptTo)),
    field('Action', actions[kind]),
    field('Status', statusOf(kind, recipient)),
    ...(remoteHost === null ? [] : [field('Remote-MTA', `dns; ${ascii(remoteHost)}`)]),
    ...(reply === null ? [] : [field('Diagnostic-Code', diagnostic(reply))]),
    ...(lastAttemptAt === null ? [] : [field('Last-Attempt-Date', dateTime(lastAttemptAt))]),
    ...(retryUntil === null ? [] : [field('Will-Retry-Until', dateTime(retryUntil))]),
  ]
}

function typedAddress(address: string): string {
  return hasBeyondAscii(address) ? `utf-8; ${address}` : `rfc822; ${address}`
}

/** RFC 3461 §4.2: type and address, whose xtext is undone (RFC 6533 §3 has a second form of it for UTF-8). */
function originalRecipient(orcpt: string): string {
  const at = orcpt.indexOf(';')
  if (at < 0) return `rfc822; ${ascii(decodeXtext(orcpt))}`
  const type = orcpt.slice(0, at).trim().toLowerCase()
  const rest = orcpt.slice(at + 1)
  if (type !== 'utf-8') return `${ascii(type)}; ${ascii(decodeXtext(rest))}`
  const address = rest.replace(/\\x\{([0-9a-f]{1,6})\}/gi, (whole, hex: string) => character(hex) ?? whole)
  return `utf-8; ${withoutControls(address)}`
}

function character(hex: string): string | null {
  const point = Number.parseInt(hex, 16)
  return point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? null : String.fromCodePoint(point)
}

/** RFC 3461 §4: `+` and two hexadecimal digits stand for a character. */
export function decodeXtext(text: string): string {
  return text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

// What no server said has a status of ours in front.
const replyStatus = /^(?:\d{3}[ -])?([245])\.(\d{1,3}\.\d{1,3})\b/

/** The other server's status where it fits the action, else that of the class (RFC 3463). */
export function statusOf(
  kind: DsnKind,
  { reply, bounceClass }: Pick<DsnRecipient, 'reply' | 'bounceClass'>,
): string {
  const [, digit, rest] = replyStatus.exec(reply ?? '') ?? []
  if (kind === 'relayed') return digit === '2' ? `2.${rest}` : '2.0.0'
  // What was answered with 4yz until the time was over has expired (RFC 3463 §3.5).
  if (kind === 'failed' && bounceClass === 'expired') return '4.4.7'
  const wanted = kind === 'failed' ? '5' : '4'
  return `${wanted}.${digit === wanted ? rest : wordsOf(bounceClass).status}`
}

/** RFC 3464 §2.3.6. What no server said has a type of our own. */
function diagnostic(reply: string): string {
  return /^\d{3}([ -]|$)/.test(reply) ? `smtp; ${ascii(reply)}` : `x-mailwright; ${ascii(reply)}`
}

const lineLengthMax = 76

/** A field, folded at white space. */
function field(name: string, value: string): string {
  const lines: string[] = []
  let line = `${name}:`
  for (const word of withoutControls(value)
    .split(' ')
    .filter((one) => one !== '')) {
    if (line.length + 1 + word.length > lineLengthMax && !line.endsWith(':')) {
      lines.push(line)
      line = ''
    }
    line += ` ${word}`
  }
  return `${[...lines, line].join('\r\n')}\r\n`
}

function ascii(text: string): string {
  return text.replace(/[^\p{ASCII}]/gu, '?')
}

function withoutControls(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
