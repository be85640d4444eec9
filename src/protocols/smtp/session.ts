/** The decisions of an SMTP session: who may log in, which sender and which recipients are taken. */
import { domainToASCII } from 'node:url'
import type {
  SMTPServerAddress,
  SMTPServerAuthentication,
  SMTPServerAuthenticationResponse,
  SMTPServerSession,
} from 'smtp-server'
import type { ArrivalRefusal } from '../../delivery/inbound/arrival.ts'
import { admitRecipient } from '../../delivery/limits/admit.ts'
import type { OutboundRecipient } from '../../delivery/outbound/queue.ts'
import type {
  LocalRecipient,
  Recipient,
  RecipientResolver,
  RemoteRecipient,
} from '../../delivery/recipients.ts'
import type { ForwardRecipient, ForwardTarget } from '../../delivery/routing/expand.ts'
import { ownsSender } from '../../delivery/senders.ts'
import { refusesSender } from '../../delivery/spam/sender-lists.ts'
import { logIn, loginFailureDelayMs, loginFailuresMax } from '../../mailboxes/login.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { isLoopback } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import { smtpLimits } from './limits.ts'
import { refusalFault, replies, type SmtpFault } from './replies.ts'

/** MX takes mail for our domains from anyone, submission mail for anywhere from those who log in. */
export type SmtpRole = 'mx' | 'submission'

/** What is known of a connection beside the library's session. */
export type Conversation = {
  role: SmtpRole
  failedLogins: number
  refusedRecipients: number
  login: MailboxOwner | null
  /** By the text of RCPT TO: what each accepted recipient of this transaction is. */
  recipients: Map<string, LocalRecipient | RemoteRecipient | ForwardRecipient>
}

export type Decision<T> = { ok: true; value: T } | { ok: false; fault: SmtpFault }

const accepted: Decision<undefined> = { ok: true, value: undefined }

function refused(fault: SmtpFault): { ok: false; fault: SmtpFault } {
  return { ok: false, fault }
}

export async function authenticate(
  platform: Platform,
  conversation: Conversation,
  session: SMTPServerSession,
  auth: SMTPServerAuthentication,
): Promise<Decision<SMTPServerAuthenticationResponse>> {
  if (!mayLogIn(session)) return refused(replies.tlsNeeded())
  const login = await logIn(platform, 'smtp', auth.username ?? '', auth.password ?? '')
  if (!login) {
    conversation.failedLogins += 1
    await new Promise((resolve) => setTimeout(resolve, loginFailureDelayMs))
    return refused(
      conversation.failedLogins >= loginFailuresMax ? replies.tooManyLogins() : replies.loginRefused(),
    )
  }
  conversation.login = login
  return { ok: true, value: { user: login.address } }
}

/** A password may cross the wire only encrypted, or where the wire does not leave this machine. */
export function mayLogIn(session: Pick<SMTPServerSession, 'secure' | 'remoteAddress'>): boolean {
  return session.secure || isLoopback(session.remoteAddress)
}

export async function checkSender(
  platform: Platform,
  conversation: Conversation,
  sender: SMTPServerAddress,
): Promise<Decision<undefined>> {
  conversation.recipients.clear()
  if (hasUnknownParameter(sender, mailParameters)) return refused(replies.unknownParameter())
  const smtputf8 = sender.args !== false && sender.args['SMTPUTF8'] !== undefined
  if (needsSmtputf8(sender.address) && !smtputf8) return refused(replies.smtputf8Needed())
  if (conversation.role === 'mx') return accepted
  if (!conversation.login) return refused(replies.loginNeeded())
  return (await ownsSender(platform, conversation.login, sender.address))
    ? accepted
    : refused(replies.senderNotOwned())
}

export async function checkRecipient(
  platform: Platform,
  resolver: RecipientResolver,
  conversation: Conversation,
  session: SMTPServerSession,
  address: SMTPServerAddress,
): Promise<Decision<undefined>> {
  const text = address.address
  if (hasUnknownParameter(address, recipientParameters)) return refused(replies.unknownParameter())
  if (needsSmtputf8(text) && session.envelope.smtpUtf8 !== true) return refused(replies.smtputf8Needed())
  const named = withDomain(text, platform.config.hostname)
  const recipient = await resolver.resolve(named, announcedSizeOf(session))
  const fault = faultOf(recipient, conversation.role, reversePathOf(session))
  if (recipient.kind === 'local' && (await refusesSender(platform, recipient, reversePathOf(session))))
    return refused(replies.senderBlocked())
  if (
    fault === null &&
    (recipient.kind === 'local' || recipient.kind === 'remote' || recipient.kind === 'forward')
  ) {
    const refusal = await refusalOfLimits(platform, conversation, recipient)
    if (refusal !== null) return refused(refusalFault(refusal))
    conversation.recipients.set(text, recipient)
    return accepted
  }
  if (fault !== null && (recipient.kind === 'full' || recipient.kind === 'too-large')) return refused(fault)
  conversation.refusedRecipients += 1
  // Whoever guesses this many addresses has no message to deliver.
  const isGuessing = conversation.refusedRecipients >= smtpLimits.refusedRecipientsMax
  return refused(isGuessing || fault === null ? replies.tooManyRefusals() : fault)
}

/** One that the transaction has already is not counted again. */
async function refusalOfLimits(
  platform: Platform,
  { login, recipients }: Conversation,
  recipient: Recipient,
): Promise<ArrivalRefusal | null> {
  if (login === null || recipient.kind !== 'remote') return null
  const isKnown = [...recipients.values()].some(({ address }) => address === recipient.address)
  return isKnown ? null : await admitRecipient(platform, login, recipient.address)
}

// RFC 1870, RFC 6152, RFC 6531, RFC 4954 §5: what EHLO offers. RCPT has none until DSN (RFC 3461) is offered.
const mailParameters = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'AUTH'])
const recipientParameters = new Set<string>()

/** RFC 5321 §4.1.1.11: what was not offered is refused, so that nobody relies on it. */
function hasUnknownParameter({ args }: SMTPServerAddress, known: ReadonlySet<string>): boolean {
  return args !== false && Object.keys(args).some((name) => !known.has(name))
}

/** RFC 1870 §4: what MAIL FROM said with SIZE=; 0 without it. */
function announcedSizeOf({ envelope }: SMTPServerSession): number {
  const args = envelope.mailFrom ? envelope.mailFrom.args : false
  const size = args ? Number(args['SIZE']) : 0
  return Number.isSafeInteger(size) ? size : 0
}

function faultOf(recipient: Recipient, role: SmtpRole, mailFrom: string): SmtpFault | null {
  switch (recipient.kind) {
    case 'unknown':
      return replies.unknownRecipient()
    case 'unavailable':
      return replies.recipientUnavailable()
    case 'full':
      return replies.mailboxFull()
    case 'too-large':
      return replies.largerThanQuota()
    case 'invalid':
      return replies.recipientInvalid(recipient.problem)
    case 'remote':
      return role === 'mx' ? replies.relayDenied() : null
    case 'forward':
      return recipient.bouncesOnly && mailFrom !== '' ? replies.bouncesOnly() : null
    case 'local':
      return null
  }
}

/** What the accepted recipients come to. A mailbox that is named or reached twice gets the message once. */
export function recipientsOf(
  conversation: Conversation,
  session: SMTPServerSession,
): { local: LocalRecipient[]; remote: OutboundRecipient[]; forwards: ForwardTarget[] } {
  const local = new Map<string, LocalRecipient>()
  const remote = new Map<string, RemoteRecipient>()
  const forwards = new Map<string, ForwardTarget>()
  for (const { address } of session.envelope.rcptTo) {
    const recipient = conversation.recipients.get(address)
    if (recipient?.kind === 'local') local.set(recipient.owner.mailboxId, recipient)
    else if (recipient?.kind === 'forward') {
      for (const one of recipient.local)
        if (!local.has(one.owner.mailboxId)) local.set(one.owner.mailboxId, one)
      for (const target of recipient.targets) forwards.set(target.address, target)
    } else if (recipient) remote.set(recipient.address, recipient)
  }
  return {
    local: [...local.values()],
    remote: [...remote.values()].map((recipient) => ({
      address: recipient.address,
      domain: recipient.domain,
      notify: null,
      orcpt: null,
    })),
    forwards: [...forwards.values()],
  }
}

/**
 * The reverse path with its domain in A-labels: the library shows U-labels however they came, and those may go
 * nowhere that SMTPUTF8 does not reach.
 */
export function reversePathOf(session: SMTPServerSession): string {
  const address = session.envelope.mailFrom ? session.envelope.mailFrom.address : ''
  const at = address.lastIndexOf('@')
  const domain = address.slice(at + 1)
  return hasBeyondAscii(domain) ? address.slice(0, at + 1) + (domainToASCII(domain) || domain) : address
}

/** RFC 5321 §4.1.1.3: postmaster needs no domain; it is this host's. */
function withDomain(text: string, hostname: string): string {
  return text.toLowerCase() === 'postmaster' ? `postmaster@${hostname}` : text
}

/** RFC 6531 §3.4. The library shows domains in U-labels however they came, so that only the local part tells. */
function needsSmtputf8(address: string): boolean {
  return hasBeyondAscii(address.slice(0, Math.max(0, address.lastIndexOf('@'))))
}

function hasBeyondAscii(text: string): boolean {
  return /[^\x20-\x7e]/.test(text)
}
