/**
 * The sending mode of a mailbox: whether what leaves it goes at once, waits for an approval, or is refused. To leave is to
 * go to anybody but the mailbox itself, here or elsewhere. The mode comes with the delivery policy that a node remembers,
 * so that a mailbox in mode `auto` costs no statement. Decision 0033 has the rules.
 */
import { sql } from 'kysely'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { addressHash } from '../limits/sent-recipients.ts'
import { domainsOf } from '../limits/usage.ts'
import { type DeliveryPolicy, deliveryPolicyOf } from '../policies.ts'
import type { LocalRecipient, RemoteRecipient, ReportRecipient } from '../recipient-kinds.ts'
import type { ArrivalRefusal } from '../refusal.ts'
import type { ForwardRecipient } from '../routing/expand.ts'

export type SendingMode = DeliveryPolicy['sending_mode']

/** The policy of a mailbox with what it inherits. @param db the transaction, inside one. */
export async function sendingPolicyOf(
  platform: Platform,
  { mailboxId, workspaceId }: MailboxOwner,
  db: Db = platform.db,
): Promise<DeliveryPolicy> {
  const domainId = (await domainsOf(platform, db, [mailboxId])).get(mailboxId) ?? null
  return await deliveryPolicyOf(platform, { mailboxId, domainId, workspaceId }, db)
}

/** Whom a message is for. */
export type Addressees = Pick<Arrival, 'local' | 'remote' | 'forwards' | 'reports' | 'asked'>

export type SendingVerdict =
  | { kind: 'send' }
  | { kind: 'hold'; heldBy: 'approve' | 'approve_new_recipients'; newRecipients: string[] }
  | { kind: 'refuse' }

/** What becomes of a message that a mailbox sends, by its mode now. */
export async function judgeSending(
  platform: Platform,
  sender: MailboxOwner,
  to: Addressees,
): Promise<SendingVerdict> {
  const { sending_mode: mode } = await sendingPolicyOf(platform, sender)
  if (mode === 'auto' || !leaves(sender, to)) return { kind: 'send' }
  // A report address of a domain takes a message for a program; nothing would hold it until it is approved.
  if (mode === 'read_only' || (to.reports ?? []).length > 0) return { kind: 'refuse' }
  const own = new Set(to.local.filter((one) => isItself(sender, one)).map(({ address }) => address))
  const asked = askedOf(to).filter((address) => !own.has(address))
  const newRecipients = await unknownTo(platform.db, sender.mailboxId, asked)
  if (mode === 'approve_new_recipients' && newRecipients.length === 0) return { kind: 'send' }
  return { kind: 'hold', heldBy: mode, newRecipients }
}

/** What is refused as soon as a recipient is named. @returns null for what may go, or wait. */
export async function refusedByMode(
  platform: Platform,
  sender: MailboxOwner,
  recipient: LocalRecipient | RemoteRecipient | ForwardRecipient | ReportRecipient,
): Promise<ArrivalRefusal | null> {
  const { sending_mode: mode } = await sendingPolicyOf(platform, sender)
  if (mode === 'auto') return null
  if (mode !== 'read_only') return recipient.kind === 'report' ? notAllowed : null
  if (recipient.kind === 'local') return isItself(sender, recipient) ? null : notAllowed
  const isOwn =
    recipient.kind === 'forward' &&
    recipient.targets.length === 0 &&
    recipient.local.every((one) => isItself(sender, one))
  return isOwn ? null : notAllowed
}

/** Whether all that leaves waits, so that nothing of it is counted before it goes. */
export async function holdsAll(platform: Platform, sender: MailboxOwner): Promise<boolean> {
  return (await sendingPolicyOf(platform, sender)).sending_mode === 'approve'
}

/** Whether a message goes to anybody but the mailbox that sends it. */
export function leaves(
  sender: MailboxOwner,
  { local, remote, forwards = [], reports = [] }: Addressees,
): boolean {
  if (remote.length > 0 || forwards.length > 0 || reports.length > 0) return true
  return local.some((one) => !isItself(sender, one))
}

function isItself(sender: MailboxOwner, { owner }: { owner: MailboxOwner }): boolean {
  return owner.mailboxId === sender.mailboxId
}

/** The addresses that were asked for, each once: of a forward its own, and not where it leads. */
export function askedOf({ asked, local, remote }: Addressees): string[] {
  const all = asked ?? [...local, ...remote]
  return [...new Set(all.map(({ address }) => address))]
}

/**
 * Those of the addresses that may be written to without anybody's deciding: by forwards, redirects of filters and
 * automatic answers. In mode `approve` nothing goes by itself; a message that nobody wrote is nobody's to approve.
 */
export async function goByThemselves(
  platform: Platform,
  sender: MailboxOwner,
  addresses: readonly string[],
): Promise<{ mode: SendingMode; allowed: ReadonlySet<string> }> {
  if (addresses.length === 0) return { mode: 'auto', allowed: new Set() } // most mail: nothing is asked
  const { sending_mode: mode } = await sendingPolicyOf(platform, sender)
  if (mode === 'auto') return { mode, allowed: new Set(addresses) }
  if (mode !== 'approve_new_recipients') return { mode, allowed: new Set() }
  const unknown = new Set(await unknownTo(platform.db, sender.mailboxId, addresses))
  return { mode, allowed: new Set(addresses.filter((address) => !unknown.has(address))) }
}

/** Those that the mailbox has neither written to nor heard from. */
async function unknownTo(db: Db, mailboxId: string, addresses: readonly string[]): Promise<string[]> {
  if (addresses.length === 0) return []
  const hashes = addresses.map(addressHash)
  const { rows } = await sql<{ address: string }>`/* prepared unknown_recipients */
    select address from unnest(${addresses}::text[], ${hashes}::bigint[]) as asked (address, hash)
    where not exists (select from contacts
        where contacts.mailbox_id = ${mailboxId}::uuid and contacts.address = asked.address)
      and not exists (select from sent_recipients
        where sent_recipients.mailbox_id = ${mailboxId}::uuid and address_hash = hash)`.execute(db)
  return rows.map(({ address }) => address)
}

const why = 'The sending mode of the mailbox lets nothing leave it'

/** For SMTP. */
export const notAllowed: ArrivalRefusal = { kind: 'refused', code: 550, enhanced: '5.7.1', text: why }

/** For programs. */
export function sendingNotAllowed(): Refusal {
  return new Refusal('sending_not_allowed', `${why}.`)
}
