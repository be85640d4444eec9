/** What becomes of an accepted message for one local recipient: lists, filters, forwarding, autoreply. */
import type { Platform } from '../../platform/platform.ts'
import { goByThemselves } from '../approvals/sending-mode.ts'
import type { RecipientDecision } from '../inbound/arrival.ts'
import { type LocalRecipient, type Recipient, resolverOf } from '../recipients.ts'
import { blockedRecipients } from '../spam/recipient-lists.ts'
import { sortBySenderLists } from '../spam/sender-lists.ts'
import { applyFilter } from './apply-filter.ts'
import { autoreplyJobs } from './autoreply.ts'
import type { DecisionInput } from './decision-input.ts'
import { type Forwarder, type ForwardTarget, failed, targetOf } from './expand.ts'
import { folderByPath, folderByUse } from './folders-by-name.ts'
import { forwardMessages } from './forward-messages.ts'
import { mergeDecisions, nothing } from './placements.ts'
import { rulesOf } from './rules.ts'

/**
 * In this order: the lists of senders, then spam; what is neither blocked nor junk goes through the mailbox's filter, its
 * forwarding and its autoreply.
 */
export async function decideForRecipient(
  platform: Platform,
  input: DecisionInput,
): Promise<RecipientDecision> {
  return await decide(platform, input, new Set(input.arrival.local.map(({ owner }) => owner.mailboxId)))
}

/** @param reached mailboxes that get the message already: forwards do not go there again. */
async function decide(
  platform: Platform,
  input: DecisionInput,
  reached: Set<string>,
): Promise<RecipientDecision> {
  const folderId = await folderOfUnwanted(platform, input)
  const { owner } = input.recipient
  if (folderId !== null) return { ...nothing, placements: [{ owner, folderId, flags: 0, keywords: [] }] }
  const rules = await rulesOf(platform, owner.mailboxId)
  const filtered = await applyFilter(platform, input, rules?.filter ?? null)
  if (rules === null || filtered.isDiscarded) {
    return mergeDecisions(filtered.decision, keeping(rules === null ? filtered.fallback : null))
  }
  const forwarder = { address: rules.address, domain: domainOf(rules.address), owner }
  const redirected = await forwardTo(platform, input, forwarder, filtered.redirects, reached)
  const forwarded = await forwardTo(platform, input, forwarder, rules.forwarding.targets, reached)
  // What cannot go on is kept, so that nothing is lost.
  const isKept = forwarded.hasFailed || rules.forwarding.keepCopy
  const kept = redirected.hasFailed ? filtered.fallback : filtered.implicitKeep
  const jobs = autoreplyJobs(platform, input, rules, filtered.vacation)
  return mergeDecisions(
    filtered.decision,
    keeping(isKept || redirected.hasFailed ? kept : null),
    redirected.decision,
    forwarded.decision,
    { ...nothing, jobs },
  )
}

function keeping(placement: RecipientDecision['placements'][number] | null): RecipientDecision {
  return placement === null ? nothing : { ...nothing, placements: [placement] }
}

/** @returns the folder for what the recipient does not want in the INBOX, or null for everything else. */
async function folderOfUnwanted(platform: Platform, input: DecisionInput): Promise<string | null> {
  const { arrival, recipient, authentication, spam, quarantined } = input
  const sorted = await sortBySenderLists(platform, recipient, arrival, authentication)
  if (sorted === 'blocked')
    return (await folderByPath(platform, recipient.owner, 'Blocked', true)) ?? recipient.folderId
  const isJunk = sorted === 'junk' || (sorted === null && (quarantined || spam?.action === 'junk'))
  if (!isJunk) return null
  return (await folderByUse(platform, recipient.owner, 'junk', 'Junk')) ?? recipient.folderId
}

type Forwarded = { decision: RecipientDecision; hasFailed: boolean }

const reachedByForwardMax = 50

/** Mailboxes here get the message by their own rules; addresses elsewhere are queued for. */
async function forwardTo(
  platform: Platform,
  input: DecisionInput,
  forwarder: Forwarder,
  addresses: readonly string[],
  reached: Set<string>,
): Promise<Forwarded> {
  const decisions: RecipientDecision[] = []
  const targets: ForwardTarget[] = []
  let returns = false
  const { allowed } = await goByThemselves(platform, forwarder.owner, addresses)
  const blocked = await blockedBy(platform, forwarder, addresses)
  for (const address of addresses) {
    if (blocked.has(address)) {
      targets.push(failed(forwarder, address, 'The lists of the mailbox keep it from writing there.'))
      continue
    }
    if (!allowed.has(address)) {
      targets.push(
        failed(forwarder, address, 'The sending mode of the mailbox keeps it from going by itself.'),
      )
      continue
    }
    const recipient = await resolverOf(platform).resolve(address, input.arrival.message.sizeBytes)
    const { local, elsewhere } = endsOf(forwarder, address, recipient)
    targets.push(...elsewhere)
    for (const one of local) {
      if (one.owner.mailboxId === forwarder.owner.mailboxId) returns = true
      if (reached.has(one.owner.mailboxId)) continue
      reached.add(one.owner.mailboxId)
      if (reached.size > input.arrival.local.length + reachedByForwardMax)
        targets.push(failed(forwarder, address, 'It lies behind too many forwards.'))
      else decisions.push(await decide(platform, { ...input, recipient: one }, reached))
    }
  }
  const { forwards, events } = forwardMessages(platform, input.arrival, input.authentication, targets)
  const decision = mergeDecisions(...decisions, { ...nothing, forwards, events })
  // What goes on to the mailbox itself stays in it.
  return { decision, hasFailed: events.length > 0 || returns }
}

/** Those of the addresses that the lists of a mailbox keep it from writing to. */
async function blockedBy(
  platform: Platform,
  { owner, address: own }: Forwarder,
  addresses: readonly string[],
): Promise<ReadonlySet<string>> {
  if (addresses.length === 0) return new Set()
  const others = addresses.filter((address) => address !== own)
  return new Set((await blockedRecipients(platform, owner, others)).map(({ address }) => address))
}

const whyNot = {
  unknown: 'There is no such address.',
  unavailable: 'The mailbox does not accept mail now.',
  disabled: 'The address takes no mail any more.',
  full: 'The mailbox is full.',
  'too-large': 'The message is larger than the quota of the mailbox.',
  report: 'The address takes reports of other mail servers only.',
} as const

function endsOf(
  forwarder: Forwarder,
  address: string,
  recipient: Recipient,
): { local: readonly LocalRecipient[]; elsewhere: readonly ForwardTarget[] } {
  switch (recipient.kind) {
    case 'local':
      return { local: [recipient], elsewhere: [] }
    case 'remote':
      return { local: [], elsewhere: [targetOf(forwarder, recipient)] }
    case 'forward':
      return recipient.bouncesOnly
        ? { local: [], elsewhere: [failed(forwarder, address, 'It takes reports of failed delivery only.')] }
        : { local: recipient.local, elsewhere: recipient.targets }
    case 'invalid':
      return { local: [], elsewhere: [failed(forwarder, address, `The address ${recipient.problem}.`)] }
    default:
      return { local: [], elsewhere: [failed(forwarder, address, whyNot[recipient.kind])] }
  }
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1)
}
