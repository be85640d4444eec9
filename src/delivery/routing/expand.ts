/** Forwards of ours, followed to their ends when the address is asked for: mailboxes here and addresses elsewhere. */
import { isSandboxName, parseDomainName } from '../../domains/names.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { LocalRecipient, RemoteRecipient, ReportRecipient } from '../recipient-kinds.ts'

/** Who forwards: a mailbox, or an address without one. */
export type Forwarder = {
  address: string
  /** Of the address: it stands in the reverse path, and its key seals. */
  domain: string
  /** Whose queue it is in. An address without a mailbox has its domain's id there: events and limits go by it. */
  owner: MailboxOwner
}

/** Somebody elsewhere that a message goes on to. */
export type ForwardTarget = {
  forwarder: Forwarder
  address: string
  /** Of the address, in A-labels. */
  domain: string
  /** Why it cannot be sent there, in words for people; it is reported then. Null where it can. */
  problem: string | null
}

export type ForwardRecipient = {
  kind: 'forward'
  /** As it was asked for. */
  address: string
  local: readonly LocalRecipient[]
  targets: readonly ForwardTarget[]
  /** A rewritten sender of ours (SRS): it takes reports of failed delivery and nothing else. */
  bouncesOnly: boolean
}

/** An address that leads to others, before those are looked at. */
export type Forwarding = {
  kind: 'forwarding'
  forwarder: Forwarder
  targets: readonly string[]
  bouncesOnly: boolean
}

/** What one address is. */
export type Found =
  | LocalRecipient
  | RemoteRecipient
  | Forwarding
  | ReportRecipient
  | { kind: 'unknown' }
  | { kind: 'unavailable' }
  | { kind: 'disabled' }
  | { kind: 'invalid'; problem: string }

export const forwardDepthMax = 5
const addressesMax = 200

/**
 * Follows forwards. What was seen is not followed again, so that a circle ends. A target that takes no mail now makes the
 * whole unavailable: the sender comes again. One that will never take any is reported, if there are others; when
 * nobody is left at all, the address is unknown.
 */
export async function expandForward(
  find: (address: string) => Promise<Found>,
  asked: string,
  first: Forwarding,
): Promise<ForwardRecipient | { kind: 'unknown' } | { kind: 'unavailable' }> {
  const local = new Map<string, LocalRecipient>()
  const targets = new Map<string, ForwardTarget>()
  const seen = new Set([asked])
  // By another name than it was asked by: with a detail, or caught by a catch-all.
  const followed = new Set([first.forwarder.address])
  const waiting = first.targets.map((text) => ({ text, forwarder: first.forwarder, depth: 1 }))
  for (const { text, forwarder, depth } of waiting) {
    if (seen.has(text)) continue
    seen.add(text)
    const fail = (problem: string): void => void targets.set(text, failed(forwarder, text, problem))
    if (depth > forwardDepthMax || seen.size > addressesMax) {
      fail('It lies behind too many forwards.')
      continue
    }
    const found = await find(text)
    if (found.kind === 'unavailable') return found
    if (found.kind === 'local') local.set(found.owner.mailboxId, found)
    else if (found.kind === 'remote') targets.set(text, targetOf(forwarder, found))
    else if (found.kind === 'invalid') fail(`The address ${found.problem}.`)
    else if (found.kind === 'unknown') fail('There is no such address.')
    else if (found.kind === 'disabled') fail('The address takes no mail any more.')
    else if (found.kind === 'report') fail('The address takes reports of other mail servers only.')
    else if (!followed.has(found.forwarder.address)) {
      followed.add(found.forwarder.address)
      const next = { forwarder: found.forwarder, depth: depth + 1 }
      waiting.push(...found.targets.map((one) => ({ text: one, ...next })))
    }
  }
  const ends = [...targets.values()]
  if (local.size === 0 && ends.every(({ problem }) => problem !== null)) return { kind: 'unknown' }
  const { bouncesOnly } = first
  return { kind: 'forward', address: asked, local: [...local.values()], targets: ends, bouncesOnly }
}

/** A target elsewhere. Mail of a sandbox domain never leaves the platform. */
export function targetOf(
  forwarder: Forwarder,
  { address, domain }: Pick<RemoteRecipient, 'address' | 'domain'>,
): ForwardTarget {
  const from = parseDomainName(forwarder.domain)
  const isSandbox = from !== null && isSandboxName(from)
  const problem = isSandbox
    ? 'It is not on this platform, which mail of a sandbox domain never leaves.'
    : null
  return { forwarder, address, domain, problem }
}

/** A target that cannot be reached. */
export function failed(forwarder: Forwarder, address: string, problem: string): ForwardTarget {
  return { forwarder, address, domain: address.slice(address.lastIndexOf('@') + 1), problem }
}
