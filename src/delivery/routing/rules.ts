/** A mailbox's rules: its active filter, its forwarding, its autoreply. Read in one look-up and remembered. */
import { sql } from 'kysely'
import type { Forwarding } from '../../mailboxes/forwarding.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { PublishedEvent } from '../../platform/event-bus.ts'
import type { Platform } from '../../platform/platform.ts'
import { compileSieve } from '../sieve/compile.ts'
import type { SieveProgram } from '../sieve/program.ts'
import type { AutorepliesTable } from './tables.ts'

export type MailboxRules = {
  /** The mailbox's own address. */
  address: string
  /** With its aliases. */
  addresses: readonly string[]
  /** Null where none is active. */
  filter: { name: string; program: SieveProgram } | null
  forwarding: Forwarding
  /** Null where there is none, or it is off. */
  autoreply: Autoreply | null
}

export type Autoreply = Pick<AutorepliesTable, 'subject' | 'text' | 'days'> & {
  startsAtMs: number | null
  endsAtMs: number | null
}

const cachedMax = 50_000
const ttlMs = 60_000
const caches = new WeakMap<Platform, Cache<MailboxRules>>()

/** @returns null when there is no such mailbox. */
export async function rulesOf(platform: Platform, mailboxId: string): Promise<MailboxRules | null> {
  return await cacheOf(platform).load(mailboxId, () => readRules(platform, mailboxId))
}

type RulesRow = {
  address: string
  addresses: string[]
  name: string | null
  script: string | null
  targets: string[]
  keep_copy: boolean
  autoreply:
    | (Pick<AutorepliesTable, 'subject' | 'text' | 'days'> & { starts: number | null; ends: number | null })
    | null
}

async function readRules(platform: Platform, mailboxId: string): Promise<MailboxRules | null> {
  const { rows } = await sql<RulesRow>`/* prepared mailbox_rules */
    select mailboxes.address,
      array(select address from addresses where mailbox_id = mailboxes.id and kind in ('mailbox', 'alias')) as addresses,
      name, script,
      array(select target from mailbox_forwards where mailbox_id = mailboxes.id
        union select target from domain_forwards
        where domain_forwards.domain_id = mailboxes.domain_id and domain_forwards.workspace_id = mailboxes.workspace_id
          and target not in (select address from addresses where mailbox_id = mailboxes.id)
        order by target) as targets,
      coalesce((select bool_and(keep_copy) from mailbox_forwards where mailbox_id = mailboxes.id), true) as keep_copy,
      (select json_build_object('subject', subject, 'text', text, 'days', days,
          'starts', extract(epoch from starts_at) * 1000, 'ends', extract(epoch from ends_at) * 1000)
        from autoreplies where mailbox_id = mailboxes.id and enabled) as autoreply
    from mailboxes left join sieve_scripts on sieve_scripts.mailbox_id = mailboxes.id and is_active
    where mailboxes.id = ${mailboxId}::uuid`.execute(platform.db)
  const [row] = rows
  if (!row) return null
  const { address, addresses, targets, keep_copy, autoreply } = row
  return {
    address,
    addresses,
    filter: filterOf(platform, row),
    forwarding: { targets, keepCopy: keep_copy },
    autoreply: autoreply && {
      subject: autoreply.subject,
      text: autoreply.text,
      days: autoreply.days,
      startsAtMs: autoreply.starts,
      endsAtMs: autoreply.ends,
    },
  }
}

function filterOf(platform: Platform, { name, script }: RulesRow): MailboxRules['filter'] {
  if (name === null || script === null) return null
  const compiled = compileSieve(script)
  if (compiled.ok) return { name, program: compiled.program }
  // It was checked when it was stored: only another version of this program can have taken what this one does not.
  platform.log.error({ event: 'filter.unreadable', name, problem: compiled.problems[0] })
  return null
}

function cacheOf(platform: Platform): Cache<MailboxRules> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<MailboxRules>({ entriesMax: cachedMax, ttlMs })
  platform.bus.subscribe((event) => {
    if (event.mailboxId !== null && changesRules(event)) cache.delete(event.mailboxId)
    // The aliases of its mailboxes go with a domain, and all of them forward with it.
    if (event.type === 'domain.deleted' || event.type === 'domain.forwarding_changed') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}

const ruleEvents = new Set([
  'filter.updated',
  'filter.deleted',
  'mailbox.forwarding_changed',
  'mailbox.purged',
  'mailbox.renamed',
  'autoreply.updated',
  'address.created',
  'address.updated',
  'address.deleted',
])

function changesRules({ type }: PublishedEvent): boolean {
  return ruleEvents.has(type)
}
