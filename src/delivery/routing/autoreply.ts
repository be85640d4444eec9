/** Who is answered automatically (RFC 3834 §2, RFC 5230 §4): one rule for autoreplies and for vacation of filters. */
import { createHash } from 'node:crypto'
import { parseAddress, withoutDetail } from '../../mailboxes/address.ts'
import type { NewJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from '../inbound/arrival.ts'
import type { Vacation } from '../sieve/program.ts'
import type { DecisionInput } from './decision-input.ts'
import { type HeaderFacts, headerFactsOf } from './header-facts.ts'
import type { MailboxRules } from './rules.ts'

/** What the job that answers is given. */
export type AutoreplyRequest = {
  organization_id: string
  workspace_id: string
  mailbox_id: string
  /** The reverse path of what is answered (RFC 3834 §4). */
  to: string
  /** Null: the mailbox's address. */
  from: string | null
  subject: string
  text: string
  /** Whether the text is a MIME part with a header of its own (RFC 5230 §4.8). */
  is_mime: boolean
  /** Tells answers apart that are sent to the same person. */
  handle: string
  days: number
  /** Without angle brackets. */
  in_reply_to: string | null
  references: string[]
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'autoreply.send': AutoreplyRequest
  }
}

const textBytesMax = 64 * 1024
const referencesMax = 20

/** @returns the job that answers, or none. A filter's vacation comes before the mailbox's autoreply. */
export function autoreplyJobs(
  platform: Platform,
  { arrival, recipient }: DecisionInput,
  rules: MailboxRules,
  vacation: Vacation | null,
): NewJob[] {
  const answer = vacation ? answerOfVacation(vacation) : answerOfMailbox(rules, platform.clock.now())
  if (answer === null) return []
  const own = new Set([...rules.addresses, recipient.address, ...answer.addresses].map(comparable))
  const header = headerFactsOf(arrival.message)
  if (whyNotAnswered(arrival, header, own) !== null) return []
  const { organizationId, workspaceId, mailboxId } = recipient.owner
  const { addresses: _, ...wanted } = answer
  const payload: AutoreplyRequest = {
    ...wanted,
    organization_id: organizationId,
    workspace_id: workspaceId,
    mailbox_id: mailboxId,
    to: arrival.mailFrom,
    subject: answer.subject ?? `Auto: ${(header.values.get('subject')?.[0] ?? '').slice(0, 200)}`,
    in_reply_to: header.messageId,
    references: referencesOf(header),
  }
  // Many messages of one sender at once are one job.
  const key = createHash('sha256').update(`${mailboxId} ${answer.handle} ${arrival.mailFrom}`).digest('hex')
  return [{ name: 'autoreply.send', payload, key: `autoreply.send:${key}` }]
}

type Answer = Pick<AutoreplyRequest, 'from' | 'text' | 'is_mime' | 'handle' | 'days'> & {
  /** Null: made of the message's. */
  subject: string | null
  addresses: readonly string[]
}

function answerOfVacation(vacation: Vacation): Answer {
  const { days, subject, from, addresses, isMime, reason } = vacation
  // RFC 5230 §4.2: without a handle, what would be said tells answers apart.
  const handle = vacation.handle ?? JSON.stringify([subject, from, isMime, reason])
  const text = reason.slice(0, textBytesMax)
  return { days, subject, from, addresses, is_mime: isMime, handle: digest(`vacation ${handle}`), text }
}

function answerOfMailbox({ autoreply }: MailboxRules, now: Date): Answer | null {
  if (autoreply === null) return null
  const { startsAtMs, endsAtMs, subject, text, days } = autoreply
  if (startsAtMs !== null && now.getTime() < startsAtMs) return null
  if (endsAtMs !== null && now.getTime() >= endsAtMs) return null
  return { days, subject, from: null, addresses: [], is_mime: false, handle: 'autoreply', text }
}

/** Why a message gets no automatic answer, in a word for tests and readers; null when it gets one. */
export function whyNotAnswered(
  arrival: Pick<Arrival, 'mailFrom'>,
  header: HeaderFacts,
  own: ReadonlySet<string>,
): string | null {
  const { mailFrom } = arrival
  const first = (name: string): string => header.values.get(name)?.[0]?.toLowerCase().trim() ?? ''
  if (mailFrom === '') return 'null sender'
  const automatic = first('auto-submitted')
  // RFC 3834 §5: parameters and comments may follow.
  if (automatic !== '' && !/^no\b/.test(automatic)) return 'automatic'
  if ([...header.values.keys()].some((name) => name.startsWith('list-'))) return 'list'
  if (/^(?:bulk|junk|list)\b/.test(first('precedence'))) return 'bulk'
  if (/\b(?:all|oof|autoreply)\b/.test(first('x-auto-response-suppress'))) return 'suppressed'
  if (isProgram(mailFrom)) return 'program'
  if (own.has(comparable(mailFrom))) return 'oneself'
  return isAddressed(header, own) ? null : 'not addressed'
}

/** RFC 5230 §4.6, RFC 3834 §2: names that nobody reads behind. */
const programs =
  /^(?:mailer-daemon|postmaster|listserv|majordomo|owner-.*|.*-(?:request|owner|relay|bounces?)|bounces?(?:[+=-].*)?|(?:no|do-?not)[._-]?reply(?:[+._-].*)?)$/

function isProgram(address: string): boolean {
  return programs.test(address.slice(0, address.lastIndexOf('@')).toLowerCase())
}

const recipientFields = ['to', 'cc', 'bcc', 'resent-to', 'resent-cc', 'resent-bcc']

/** RFC 5230 §4.5: who got it by a list or as a blind copy does not answer. */
function isAddressed(header: HeaderFacts, own: ReadonlySet<string>): boolean {
  return recipientFields.some((name) =>
    header
      .addresses(name)
      .some(({ mailbox, host }) => mailbox && host && own.has(comparable(`${mailbox}@${host}`))),
  )
}

/** In one form, without a detail. */
function comparable(text: string): string {
  const parsed = parseAddress(text)
  return parsed.ok ? (withoutDetail(parsed.value) ?? parsed.value.address) : text.toLowerCase()
}

/** RFC 5322 §3.6.4. */
function referencesOf({ values, messageId }: HeaderFacts): string[] {
  const earlier = (values.get('references') ?? values.get('in-reply-to') ?? []).flatMap(
    (value) => value.match(/<[^<>\s]{1,250}>/g) ?? [],
  )
  const ids = earlier.map((id) => id.slice(1, -1)).slice(-referencesMax)
  return messageId === null ? ids : [...ids.filter((id) => id !== messageId), messageId]
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
