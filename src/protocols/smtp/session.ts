/** The decisions of an SMTP session: who may log in, which sender and which recipients are taken. */
import { domainToASCII } from 'node:url'
import type {
  SMTPServerAddress,
  SMTPServerAuthentication,
  SMTPServerAuthenticationResponse,
  SMTPServerSession,
} from 'smtp-server'
import { holdsAll, refusedByMode } from '../../delivery/approvals/sending-mode.ts'
import type { Arrival, AskedRecipient } from '../../delivery/inbound/arrival.ts'
import { admitRecipient } from '../../delivery/limits/admit.ts'
import type { OutboundRecipient } from '../../delivery/outbound/queue.ts'
import {
  isForHere,
  type LocalRecipient,
  type Recipient,
  type RecipientResolver,
  type RemoteRecipient,
  type ReportRecipient,
} from '../../delivery/recipients.ts'
import type { ForwardRecipient, ForwardTarget } from '../../delivery/routing/expand.ts'
import { ownsSender, sandboxRefusal } from '../../delivery/senders.ts'
import { refusedByLists } from '../../delivery/spam/recipient-lists.ts'
import { refusesSender } from '../../delivery/spam/sender-lists.ts'
import { refusedUnclaimed } from '../../delivery/submission/unclaimed.ts'
import {
  logIn,
  loginFailureDelayMs,
  loginFailuresMax,
  type MailboxLogin,
  whyLoginsEnd,
} from '../../mailboxes/login.ts'
import { followExpiry } from '../../mailboxes/login-expiry.ts'
import { isLoopback } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'
import { smtpLimits } from './limits.ts'
import {
  hasUnknownParameter,
  type MailExtras,
  noticesOf,
  readMailExtras,
  recipientProblem,
} from './parameters.ts'
import { refusalFault, replies, type SmtpFault } from './replies.ts'
import type { SmtpRole } from './roles.ts'

/** What is known of a connection beside the library's session. */
export type Conversation = {
  role: SmtpRole
  failedLogins: number
  refusedRecipients: number
  login: MailboxLogin | null
  /** Whether the login is over since; a transaction that is under way is not cut off. */
  isLoginOver: boolean
  /** Ends what follows the mailbox that is logged in. */
  forgetLogin: () => void
  /** What MAIL said. */
  extras: MailExtras
  /** By the text of RCPT TO: what each accepted recipient of this transaction is. */
  recipients: Map<string, Acceptable>
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
  const source = { protocol: 'smtp', remoteAddress: session.remoteAddress } as const
  const outcome = await logIn(platform, source, auth.username ?? '', auth.password ?? '')
  if (outcome.kind !== 'accepted') {
    conversation.failedLogins += 1
    await new Promise((resolve) => setTimeout(resolve, loginFailureDelayMs))
    if (conversation.failedLogins >= loginFailuresMax) return refused(replies.tooManyLogins())
    return refused(outcome.kind === 'locked' ? replies.loginLocked() : replies.loginRefused())
  }
  followLogin(platform, conversation, outcome.login)
  return { ok: true, value: { user: outcome.login.address } }
}

function followLogin(platform: Platform, conversation: Conversation, login: MailboxLogin): void {
  endLogin(conversation)
  conversation.login = login
  const end = (): void => {
    conversation.isLoginOver = true
  }
  const unsubscribe = platform.bus.subscribeMailbox(login.mailboxId, (event) => {
    if (whyLoginsEnd(event, login) !== null) end()
  })
  const forgetExpiry = followExpiry(platform, login, end)
  conversation.forgetLogin = () => {
    unsubscribe()
    forgetExpiry()
  }
}

/** Nobody is logged in any more. */
export function endLogin(conversation: Conversation): void {
  conversation.forgetLogin()
  conversation.forgetLogin = () => undefined
  conversation.login = null
  conversation.isLoginOver = false
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
  if (hasUnknownParameter('MAIL', conversation.role, sender)) return refused(replies.unknownParameter())
  const extras = readMailExtras(sender, platform.clock.now())
  if ('problem' in extras) return refused(replies.parameterInvalid(extras.problem))
  conversation.extras = extras
  const smtputf8 = sender.args !== false && sender.args['SMTPUTF8'] !== undefined
  if (needsSmtputf8(sender.address) && !smtputf8) return refused(replies.smtputf8Needed())
  if (conversation.role !== 'submission') return accepted
  if (!conversation.login) return refused(replies.loginNeeded())
  if (!(await ownsSender(platform, conversation.login, sender.address)))
    return refused(replies.senderNotOwned())
  return conversation.isLoginOver ? refused(replies.loginOver()) : accepted
}

export async function checkRecipient(
  platform: Platform,
  resolver: RecipientResolver,
  conversation: Conversation,
  session: SMTPServerSession,
  address: SMTPServerAddress,
): Promise<Decision<undefined>> {
  const text = address.address
  if (hasUnknownParameter('RCPT', conversation.role, address)) return refused(replies.unknownParameter())
  const problem = recipientProblem(address)
  if (problem !== null) return refused(replies.parameterInvalid(problem))
  if (needsSmtputf8(text) && session.envelope.smtpUtf8 !== true) return refused(replies.smtputf8Needed())
  const named = withDomain(text, platform.config.hostname)
  const recipient = await resolver.resolve(named, announcedSizeOf(session))
  const fault = faultOf(recipient, conversation.role, reversePathOf(session))
  if (recipient.kind === 'local' && (await refusesSender(platform, recipient, reversePathOf(session))))
    return refused(replies.senderBlocked())
  if (fault === null && isAcceptable(recipient)) {
    const denied = await denialOf(platform, conversation, session, recipient)
    if (denied !== null) return refused(denied)
    conversation.recipients.set(text, recipient)
    return accepted
  }
  if (fault !== null && (recipient.kind === 'full' || recipient.kind === 'too-large')) return refused(fault)
  conversation.refusedRecipients += 1
  // Whoever guesses this many addresses has no message to deliver.
  const isGuessing = conversation.refusedRecipients >= smtpLimits.refusedRecipientsMax
  return refused(isGuessing || fault === null ? replies.tooManyRefusals() : fault)
}

type Acceptable = LocalRecipient | RemoteRecipient | ForwardRecipient | ReportRecipient

function isAcceptable(recipient: Recipient): recipient is Acceptable {
  return ['local', 'remote', 'forward', 'report'].includes(recipient.kind)
}

/** What a login may not send, or not now: the rules are the core's. */
async function denialOf(
  platform: Platform,
  { login, extras, recipients }: Conversation,
  session: SMTPServerSession,
  recipient: Acceptable,
): Promise<SmtpFault | null> {
  if (login === null) return null
  const mode = await refusedByMode(platform, login, recipient)
  if (mode !== null) return refusalFault(mode)
  const named = [...recipients.values()].some(({ address }) => address === recipient.address)
  const isItself = recipient.kind === 'local' && recipient.owner.mailboxId === login.mailboxId
  const blocked = isItself ? null : await refusedByLists(platform, login, recipient.address)
  if (blocked !== null) return refusalFault(blocked)
  const unclaimed = named ? null : await refusedUnclaimed(platform, login.mailboxId, recipient.address)
  if (unclaimed !== null) return refusalFault(unclaimed)
  if (recipient.kind !== 'remote') return extras.notBefore === null ? null : replies.heldForLocal()
  // One that the transaction has already is not counted again.
  if (named) return null
  const refusal =
    sandboxRefusal(reversePathOf(session) || login.address) ??
    ((await holdsAll(platform, login)) ? null : await admitRecipient(platform, login, recipient.address))
  return refusal === null ? null : refusalFault(refusal)
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
    case 'disabled':
      return replies.recipientDisabled()
    case 'full':
      return replies.mailboxFull()
    case 'too-large':
      return replies.largerThanQuota()
    case 'invalid':
      return replies.recipientInvalid(recipient.problem)
    case 'remote':
      return role === 'submission' ? null : replies.relayDenied()
    case 'forward':
      return recipient.bouncesOnly && mailFrom !== '' ? replies.bouncesOnly() : null
    case 'report':
    case 'local':
      return null
  }
}

/** What the accepted recipients come to. A mailbox that is named or reached twice gets the message once. */
export function recipientsOf(
  conversation: Conversation,
  session: SMTPServerSession,
): Required<Pick<Arrival, 'asked' | 'local' | 'remote' | 'forwards' | 'reports'>> {
  const asked = new Map<string, AskedRecipient>()
  const local = new Map<string, LocalRecipient>()
  const remote = new Map<string, OutboundRecipient>()
  const forwards = new Map<string, ForwardTarget>()
  const reports = new Map<string, ReportRecipient>()
  for (const named of session.envelope.rcptTo) {
    const recipient = conversation.recipients.get(named.address)
    if (recipient) {
      const isHere = isForHere(recipient)
      asked.set(recipient.address, { address: recipient.address, ...noticesOf(named), isHere })
    }
    if (recipient?.kind === 'local') local.set(recipient.owner.mailboxId, recipient)
    else if (recipient?.kind === 'forward') {
      for (const one of recipient.local)
        if (!local.has(one.owner.mailboxId)) local.set(one.owner.mailboxId, one)
      for (const target of recipient.targets) forwards.set(target.address, target)
    } else if (recipient?.kind === 'report') reports.set(recipient.domainId, recipient)
    else if (recipient) {
      const { address, domain } = recipient
      remote.set(address, { address, domain, ...noticesOf(named) })
    }
  }
  return {
    asked: [...asked.values()],
    local: [...local.values()],
    remote: [...remote.values()],
    forwards: [...forwards.values()],
    reports: [...reports.values()],
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
