/** The trace fields that a message gets on its way in (RFC 5321 §4.4). */
import { unmapped } from '../platform/address-bytes.ts'

export type Trace = {
  /** What the client called itself in EHLO. */
  helo: string
  remoteAddress: string
  /** This host's name. */
  by: string
  /** ESMTP, ESMTPS, ESMTPSA, UTF8SMTP … (RFC 3848, RFC 6531 §4.3). */
  protocol: string
  /** Names the reception in the log and in the reply. */
  id: string
  /** The only recipient. With several none is named, because each would read of the others. */
  recipient: string | null
  at: Date
}

/** `Received:`, folded, with its CRLF. */
export function receivedField(trace: Trace): string {
  const from = `${printable(trace.helo) || 'unknown'} (${addressLiteral(trace.remoteAddress)})`
  const recipient = trace.recipient === null ? '' : ` for <${trace.recipient}>`
  return [
    `Received: from ${from}`,
    `\tby ${trace.by} (Mailwright) with ${trace.protocol} id ${trace.id}${recipient};`,
    `\t${dateTime(trace.at)}`,
    '',
  ].join('\r\n')
}

/** `Return-Path:`, which final delivery puts first (RFC 5321 §4.4). */
export function returnPathField(mailFrom: string): string {
  return `Return-Path: <${mailFrom}>\r\n`
}

/** RFC 5322 §3.3, in UTC. */
export function dateTime(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000')
}

// RFC 5321 §4.1.3.
function addressLiteral(address: string): string {
  const v4 = unmapped(address)
  return v4.includes(':') ? `[IPv6:${v4}]` : `[${v4}]`
}

// The client chose these characters: none of them may end the field or the comment.
function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]|[()\\;]/g, '').slice(0, 255)
}
