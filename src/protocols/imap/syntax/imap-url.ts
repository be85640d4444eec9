/**
 * IMAP URLs of messages and their parts, RFC 5092, as CATENATE names them (RFC 4469 §3). A relative one is resolved
 * against the folder that is selected. Folders, searches and URLAUTH (RFC 4467) are not read: no command needs them.
 */
import { toCommandFault } from './command-fault.ts'
import type { Partial, Section } from './fetch-item.ts'
import { imapSyntaxLimits } from './limits.ts'
import { canonicalMailboxName, isMailboxName, type MailboxName } from './mailbox-name.ts'
import { readSection } from './parse-fetch.ts'
import { Reader, uint32Max } from './reader.ts'

export type MessageUrl = {
  /** null for a relative URL, which is of this server and this user. */
  server: { host: string; port: number | null; user: string | null } | null
  mailbox: MailboxName
  uidvalidity: number | null
  uid: number
  section: Section
  partial: Partial | null
}

// RFC 5092 §11: bchar, which stands in names, sections and servers alike.
const bchar = "[A-Za-z0-9\\-._~!$'()*+,&=:@/%]"
const serverPattern = /^imap:\/\/(?:([^@/;]*)(?:;AUTH=[^@/]*)?@)?([A-Za-z0-9.-]+)(?::(\d{1,5}))?(\/.*)$/i
const messagePattern = new RegExp(
  `^(?:(${bchar}+?)(?:;UIDVALIDITY=(\\d{1,10}))?/)?;UID=(\\d{1,10})` +
    `(?:/;SECTION=(${bchar}+?))?(?:/;PARTIAL=(\\d{1,15})(?:\\.(\\d{1,15}))?)?$`,
  'i',
)

/** @param base the selected folder, or null. @returns null for what is no URL of a message. */
export function parseMessageUrl(url: string, base: MailboxName | null): MessageUrl | null {
  if (url.length > imapSyntaxLimits.urlBytesMax) return null
  const absolute = url.startsWith('//') ? `imap:${url}` : url // RFC 5092 §9: inetwork-path
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(absolute)) return parsePath(url, base, null)
  const [, user, host = '', port, path = ''] = serverPattern.exec(absolute) ?? []
  const name = user === undefined ? null : percentDecoded(user)
  if (host === '' || (user !== undefined && name === null)) return null
  const server = { host: host.toLowerCase(), port: port === undefined ? null : Number(port), user: name }
  return parsePath(path, null, server)
}

function parsePath(path: string, base: MailboxName | null, server: MessageUrl['server']): MessageUrl | null {
  const isAbsolute = path.startsWith('/')
  const [found, name, validity, uid, sectionText, offset, count] =
    messagePattern.exec(isAbsolute ? path.slice(1) : path) ?? []
  if (found === undefined) return null
  const mailbox = resolveMailbox(name, isAbsolute, base)
  const section = sectionText === undefined ? wholeMessage : parseSection(sectionText)
  const uidvalidity = validity === undefined ? null : Number(validity)
  if (mailbox === null || section === null || !isNzNumber(Number(uid)) || count === '0') return null
  if (uidvalidity !== null && !isNzNumber(uidvalidity)) return null
  const countBytes = count === undefined ? Number.MAX_SAFE_INTEGER : Number(count)
  const partial = offset === undefined ? null : { offsetBytes: Number(offset), countBytes }
  return { server, mailbox, uidvalidity, uid: Number(uid), section, partial }
}

const wholeMessage: Section = { part: [], text: 'all' }

/** RFC 3986 §5.2: a relative path takes the place of the last level of the base; without a name it is the base's. */
function resolveMailbox(
  encoded: string | undefined,
  isAbsolute: boolean,
  base: MailboxName | null,
): MailboxName | null {
  if (encoded === undefined) return isAbsolute ? null : base
  const text = percentDecoded(encoded)
  if (text === null) return null
  const around = isAbsolute || base === null ? '' : base.slice(0, base.lastIndexOf('/') + 1)
  const name = canonicalMailboxName(around + text)
  const hasDots = name.split('/').some((level) => level === '.' || level === '..')
  return isMailboxName(name) && !hasDots ? name : null
}

/** enc-section, RFC 5092 §11: what stands in BODY[...] , percent-encoded. */
function parseSection(encoded: string): Section | null {
  const text = percentDecoded(encoded)
  if (text === null) return null
  const reader = new Reader([{ kind: 'text', bytes: Buffer.from(`${text}]`, 'utf8') }], 'utf-8')
  try {
    const section = readSection(reader)
    reader.expect(']')
    reader.end()
    return section
  } catch (error) {
    toCommandFault(error, null) // anything else is a defect and goes on
    return null
  }
}

function isNzNumber(value: number): boolean {
  return value >= 1 && value <= uint32Max
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null // URIError: no percent-encoded UTF-8
  }
}
