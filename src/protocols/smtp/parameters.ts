/** The parameters of MAIL and RCPT beyond the library's own: which are known where, and what they say. */
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server'
import type { OutboundRecipient } from '../../delivery/outbound/queue.ts'
import { smtpLimits } from './limits.ts'
import type { SmtpRole } from './roles.ts'

/** RFC 1870, RFC 6152, RFC 6531, RFC 4954 §5. */
const common = ['SIZE', 'BODY', 'SMTPUTF8']
const dsnOfMail = ['RET', 'ENVID'] // RFC 3461 §4.3, §4.4
const dsnOfRcpt = ['NOTIFY', 'ORCPT'] // RFC 3461 §4.1, §4.2

const mailParameters: Readonly<Record<SmtpRole, ReadonlySet<string>>> = {
  // Not DSN: who hands mail to us then tells its sender of the relaying, and we owe no report of success here.
  mx: new Set([...common, 'AUTH']),
  submission: new Set([...common, 'AUTH', ...dsnOfMail, 'HOLDFOR', 'HOLDUNTIL', 'REQUIRETLS']),
  lmtp: new Set(common),
}
const recipientParameters: Readonly<Record<SmtpRole, ReadonlySet<string>>> = {
  mx: new Set(),
  submission: new Set(dsnOfRcpt),
  lmtp: new Set(),
}

/** RFC 5321 §4.1.1.11: what was not offered is refused, so that nobody relies on it. */
export function hasUnknownParameter(
  command: 'MAIL' | 'RCPT',
  role: SmtpRole,
  { args }: SMTPServerAddress,
): boolean {
  const known = (command === 'MAIL' ? mailParameters : recipientParameters)[role]
  return args !== false && Object.keys(args).some((name) => !known.has(name))
}

/** What EHLO offers of them beside what the library announces. RFC 4865 §4: the longest time, and its end. */
export function offeredFeatures(role: SmtpRole, now: Date): string[] {
  if (role !== 'submission') return []
  const latest = new Date(now.getTime() + smtpLimits.holdSecondsMax * 1000)
  return [`FUTURERELEASE ${smtpLimits.holdSecondsMax} ${latest.toISOString().replace(/\.\d+/, '')}`]
}

export type MailExtras = {
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  notBefore: Date | null
}

/** @returns what MAIL says, or a sentence about what is wrong with it. */
export function readMailExtras({ args }: SMTPServerAddress, now: Date): MailExtras | { problem: string } {
  const given = args === false ? {} : args
  const envid = textOf(given['ENVID'])
  if (envid !== null && envid.length > smtpLimits.envidBytesMax) return { problem: 'ENVID is too long' }
  const notBefore = releaseTime(textOf(given['HOLDFOR']), textOf(given['HOLDUNTIL']), now)
  if (notBefore !== null && 'problem' in notBefore) return notBefore
  if ((given['HOLDFOR'] ?? given['HOLDUNTIL']) === true) return { problem: 'The time is missing' }
  const ret = textOf(given['RET'])?.toLowerCase()
  return {
    ret: ret === 'full' || ret === 'hdrs' ? ret : null, // the library refuses other words
    envid: envid === null ? null : xtext(envid),
    requireTls: given['REQUIRETLS'] === true,
    notBefore: notBefore?.at ?? null,
  }
}

function textOf(value: string | true | undefined): string | null {
  return typeof value === 'string' ? value : null
}

const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i // RFC 3339 §5.6

/** RFC 4865 §5. A time that is past is now. */
function releaseTime(
  seconds: string | null,
  until: string | null,
  now: Date,
): { at: Date | null } | { problem: string } | null {
  if (seconds === null && until === null) return null
  if (seconds !== null && until !== null) return { problem: 'HOLDFOR and HOLDUNTIL exclude each other' }
  if (seconds !== null && !/^\d{1,9}$/.test(seconds)) return { problem: 'HOLDFOR is a number of seconds' }
  if (until !== null && !dateTime.test(until)) return { problem: 'HOLDUNTIL is a date and time' }
  const at = until === null ? new Date(now.getTime() + Number(seconds) * 1000) : new Date(until)
  if (Number.isNaN(at.getTime())) return { problem: 'HOLDUNTIL is a date and time' }
  if (at.getTime() > now.getTime() + smtpLimits.holdSecondsMax * 1000) {
    return { problem: `A message is held for at most ${smtpLimits.holdSecondsMax} seconds` }
  }
  return { at: at > now ? at : null }
}

/** @returns a sentence about what is wrong with the parameters of RCPT, or null; the library checks the rest. */
export function recipientProblem({ args }: SMTPServerAddress): string | null {
  const orcpt = args === false ? null : textOf(args['ORCPT'])
  return orcpt !== null && xtext(orcpt).length > smtpLimits.orcptBytesMax ? 'ORCPT is too long' : null
}

/** RFC 3461: what an accepted recipient asked to be told. */
export function noticesOf(
  address: SMTPServerSession['envelope']['rcptTo'][number],
): Pick<OutboundRecipient, 'notify' | 'orcpt'> {
  const { notify, orcpt } = address.dsn ?? {}
  return {
    notify: notify ? [...new Set(notify)].join(',').toLowerCase() : null,
    orcpt: orcpt ? xtext(orcpt) : null,
  }
}

/** RFC 3461 §4: as it was given; the library has decoded it. */
function xtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (letter) =>
    [...Buffer.from(letter, letter.charCodeAt(0) < 256 ? 'latin1' : 'utf8')]
      .map((byte) => `+${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}
