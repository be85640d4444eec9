/** Runs a mailbox's filter over a message, and puts what it says into the terms of the mail store. */
import { parseAddress } from '../../mailboxes/address.ts'
import { flagBits, keywordsPerMessageMax } from '../../messages/flags.ts'
import { canonicalPath, listFolders } from '../../messages/folders.ts'
import type { EnvelopeAddress } from '../../messages/mime/addresses.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Placement } from '../commit-lane.ts'
import type { RecipientDecision } from '../inbound/arrival.ts'
import type { LocalRecipient } from '../recipients.ts'
import { evaluateSieve, type MailAddress, type MessageFacts } from '../sieve/evaluate.ts'
import type { SieveProblem } from '../sieve/lexer.ts'
import type { Vacation } from '../sieve/program.ts'
import type { DecisionInput } from './decision-input.ts'
import { folderByPath } from './folders-by-name.ts'
import { headerFactsOf } from './header-facts.ts'
import { mergeDecisions, nothing } from './placements.ts'
import type { MailboxRules } from './rules.ts'

export type Filtered = {
  /** The copies that the filter asked for. */
  decision: RecipientDecision
  /** The copy in INBOX that nothing has cancelled; null otherwise. */
  implicitKeep: Placement | null
  redirects: readonly string[]
  /** The copy for INBOX should a redirect fail that was to take its place. */
  fallback: Placement
  vacation: Vacation | null
  /** Nothing is to become of the message. */
  isDiscarded: boolean
}

/** @param filter null: everything is kept. */
export async function applyFilter(
  platform: Platform,
  input: DecisionInput,
  filter: MailboxRules['filter'],
): Promise<Filtered> {
  const { recipient } = input
  const keep = placementOf(recipient, recipient.folderId, [])
  const plain = { redirects: [], fallback: keep, vacation: null, isDiscarded: false }
  if (filter === null) return { decision: nothing, implicitKeep: keep, ...plain }
  const facts = await factsOf(platform, input, filter.program.asksFolders)
  const { actions, implicitKeep, failure } = evaluateSieve(filter.program, facts)
  const decisions: RecipientDecision[] = []
  let kept = implicitKeep && placementOf(recipient, recipient.folderId, implicitKeep.flags)
  if (failure !== null) decisions.push(failed(recipient, filter.name, failure))
  for (const action of actions) {
    if (action.kind === 'keep')
      decisions.push(placed(placementOf(recipient, recipient.folderId, action.flags)))
    if (action.kind !== 'fileinto') continue
    const folderId = await folderByPath(platform, recipient.owner, action.folder, action.create)
    if (folderId !== null) decisions.push(placed(placementOf(recipient, folderId, action.flags)))
    else {
      const detail = `There is no folder "${action.folder}"${action.create ? ', and none can be made' : ''}.`
      decisions.push(failed(recipient, filter.name, { line: 1, column: 1, detail }))
      kept ??= placementOf(recipient, recipient.folderId, action.flags)
    }
  }
  const redirects = actions.flatMap((action) => (action.kind === 'redirect' ? [action.address] : []))
  const decision = mergeDecisions(...decisions)
  return {
    decision,
    implicitKeep: kept,
    redirects,
    fallback: kept ?? keep,
    vacation: actions.find((action) => action.kind === 'vacation')?.vacation ?? null,
    isDiscarded: kept === null && redirects.length === 0 && decision.placements.length === 0,
  }
}

function placed(placement: Placement): RecipientDecision {
  return { ...nothing, placements: [placement] }
}

function failed({ owner }: LocalRecipient, name: string, problem: SieveProblem): RecipientDecision {
  const data = { mailbox_id: owner.mailboxId, name, ...problem }
  return { ...nothing, events: [{ type: 'filter.failed', ...owner, data }] }
}

async function factsOf(
  platform: Platform,
  { arrival, recipient }: DecisionInput,
  asksFolders: boolean,
): Promise<MessageFacts> {
  const header = headerFactsOf(arrival.message)
  const folders = asksFolders ? await listFolders(platform, recipient.owner.mailboxId) : []
  const paths = new Set(folders.map(({ path }) => path))
  return {
    header: (name) => header.values.get(name) ?? [],
    addresses: (name) => header.addresses(name).flatMap(mailAddress),
    envelope: {
      from: partsOf(arrival.mailFrom),
      to: partsOf(recipient.address) ?? { localPart: '', domain: '' },
    },
    sizeBytes: arrival.message.sizeBytes,
    hasFolder: (path) => paths.has(canonicalPath(path)),
  }
}

/** The marks of groups are left out. */
function mailAddress({ mailbox, host }: EnvelopeAddress): MailAddress[] {
  return mailbox === null || host === null ? [] : [{ localPart: mailbox, domain: host }]
}

function partsOf(address: string): MailAddress | null {
  if (address === '') return null
  const parsed = parseAddress(address)
  if (parsed.ok) return { localPart: parsed.value.localPart, domain: parsed.value.domain }
  const at = address.lastIndexOf('@')
  return { localPart: address.slice(0, Math.max(0, at)), domain: address.slice(at + 1) }
}

function placementOf({ owner }: LocalRecipient, folderId: string, flags: readonly string[]): Placement {
  let bits = 0
  const keywords: string[] = []
  for (const flag of flags) {
    const name = flag.toLowerCase().replace(/^\\/, '')
    const bit = flag.startsWith('\\')
      ? Object.entries(flagBits).find(([one]) => one === name)?.[1]
      : undefined
    if (bit !== undefined) bits |= bit
    else if (keywords.length < keywordsPerMessageMax) keywords.push(flag)
  }
  return { owner, folderId, flags: bits, keywords }
}
