/** Who gets a reply (RFC 5322 §3.6.3): who asked for it or wrote, and for a reply to all everyone that was addressed. */
import { sql } from 'kysely'
import { parseAddress } from '../../mailboxes/address.ts'
import { findRoute } from '../../mailboxes/routing.ts'
import { type Db, onOneConnection } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Person } from './compose.ts'
import type { Original } from './original.ts'
import { submissionLimits } from './submit.ts'

export type ReplyRecipients = { to: Person[]; cc: Person[] }

export type ReplyAudience = {
  /** Everyone that the original was addressed to, too. */
  all: boolean
  /** To the mailing list that it came by, in place of its author. */
  list: boolean
}

type Addressed = Pick<Original, 'from' | 'replyTo' | 'to' | 'cc' | 'listPost'>

/**
 * Nobody twice, and not the mailbox itself. What the mailbox has sent itself is followed up: it goes to those that it
 * went to.
 * @param isOwn of a canonical address: whether it reaches the mailbox that answers.
 * @returns nobody in `to` where the original names nobody else.
 */
export function replyRecipients(
  original: Addressed,
  isOwn: (address: string) => boolean,
  { all, list }: ReplyAudience,
): ReplyRecipients {
  const others = (people: readonly Person[]): Person[] =>
    uniquePeople(people.filter(({ address }) => !isOwn(address)))
  const isFollowUp = original.from.length > 0 && others(original.from).length === 0
  const to = firstOf([
    list && original.listPost !== null ? [original.listPost] : [],
    ...(isFollowUp ? [others(original.to)] : []),
    others(original.replyTo),
    others(original.from),
  ])
  const cc = all ? others([...original.to, ...original.cc]) : []
  return { to, cc: without(cc, to) }
}

/** The same of what a mailbox answers, whatever addresses it is reached by. @param db the transaction, inside one. */
export async function recipientsOfReply(
  platform: Platform,
  mailbox: { id: string; address: string },
  original: Addressed,
  audience: ReplyAudience,
  db: Db = platform.db,
): Promise<ReplyRecipients> {
  const everyone = [...original.from, ...original.replyTo, ...original.to, ...original.cc]
  const others = everyone.filter(({ address }) => address !== mailbox.address)
  const own = await ownAddresses(platform, mailbox.id, others, db)
  return replyRecipients(original, (address) => address === mailbox.address || own.has(address), audience)
}

/** No message goes to more; each address may be a look-up of its own, and a stranger can name very many. */
const lookedUpMax = submissionLimits.recipientsMax
/** Look-ups that are sent at once. */
const lookedUpTogether = 50

/**
 * The addresses of these that reach the mailbox: its own, its aliases, with details, in domain aliases, by a catch-all.
 * @param db the transaction, inside one.
 */
export async function ownAddresses(
  platform: Platform,
  mailboxId: string,
  people: readonly Person[],
  db: Db = platform.db,
): Promise<Set<string>> {
  const own = new Set<string>()
  if (people.length === 0) return own
  const domains = await ownDomains(db, mailboxId)
  const possible = uniquePeople(people)
    .slice(0, lookedUpMax)
    .flatMap(({ address }) => {
      const parsed = parseAddress(address)
      return parsed.ok && domains.has(parsed.value.domain) ? [{ address, parsed: parsed.value }] : []
    })
  const lookUp = async (one: Db, { address, parsed }: (typeof possible)[number]): Promise<void> => {
    const route = await findRoute(platform, parsed, one)
    if (route?.mailboxId === mailboxId) own.add(address)
  }
  for (let from = 0; from < possible.length; from += lookedUpTogether) {
    const some = possible.slice(from, from + lookedUpTogether)
    await onOneConnection(db, (one) => Promise.all(some.map((each) => lookUp(one, each))))
  }
  return own
}

/** Only what is in one of these has to be looked up. */
async function ownDomains(db: Db, mailboxId: string): Promise<Set<string>> {
  const { rows } = await sql<{ name: string }>`/* prepared own_domains */
    with own as (select distinct domain_id from addresses where mailbox_id = ${mailboxId}::uuid)
    select name from domains where id in (
      select domain_id from own
      union select domain_aliases.domain_id from domain_aliases join own on own.domain_id = of_domain_id
    )`.execute(db)
  return new Set(rows.map(({ name }) => name))
}

/** Each address once, the first with its name; addresses are canonical, so that their case does not matter. */
export function uniquePeople(people: readonly Person[]): Person[] {
  const byAddress = new Map<string, Person>()
  for (const person of people) if (!byAddress.has(person.address)) byAddress.set(person.address, person)
  return [...byAddress.values()]
}

export function without(people: readonly Person[], others: readonly Person[]): Person[] {
  const taken = new Set(others.map(({ address }) => address))
  return people.filter(({ address }) => !taken.has(address))
}

function firstOf(lists: readonly Person[][]): Person[] {
  return lists.find((people) => people.length > 0) ?? []
}
