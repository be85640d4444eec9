/**
 * Delivery policies: how mail is judged on its way in and how much may leave. A policy is data: each of its settings is
 * the mailbox's own, else its domain's, else its workspace's, else the default here.
 */
import { sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import { afterCommit, type Db, type Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'

/** A setting is one of some words, a number within bounds (both included), or a limit, of which null says that there is none. */
type WordSetting<T extends string> = { words: readonly T[]; preset: T; doc: string }
type NumberSetting = { min: number; max: number; off: false; preset: number; doc: string }
type LimitSetting = { min: number; max: number; off: true; preset: number | null; doc: string }

const word = <const T extends string>(
  words: readonly T[],
  preset: NoInfer<T>,
  doc: string,
): WordSetting<T> => ({
  words,
  preset,
  doc,
})
const limit = (max: number, preset: number | null, doc: string): LimitSetting => ({
  min: 0,
  max,
  off: true,
  preset,
  doc,
})
const number = (min: number, max: number, preset: number, doc: string): NumberSetting => ({
  min,
  max,
  off: false,
  preset,
  doc,
})

/** Every setting, with its bounds and its default: the API's schema and the reference are made of this. */
export const deliverySettings = {
  dmarc: word(
    ['enforce', 'junk', 'observe'],
    'enforce',
    'What becomes of mail that fails DMARC: what the author’s domain asks for, at most junk, or nothing.',
  ),
  spam_filter: word(
    ['on', 'off'],
    'on',
    'Whether inbound mail gets a score and is put into Junk or refused by it.',
  ),
  junk_score: number(1, 1000, 6, 'From this score on a message goes to Junk.'),
  refuse_score: {
    min: 1,
    max: 1000,
    off: true,
    preset: 15,
    doc: 'From this score on a message is refused. Null: never.',
  },
  greylisting: word(
    ['on', 'off'],
    'off',
    'Whether unknown senders without authentication are asked to come again.',
  ),
  sending_mode: word(
    ['auto', 'approve', 'approve_new_recipients', 'read_only'],
    'auto',
    'What becomes of mail that leaves a mailbox: it goes at once, waits for an approval, waits where a recipient is new, or is refused.',
  ),
  approval_days: number(1, 90, 7, 'Days in which a message that waits for an approval can be approved.'),
  approvals_pending_max: number(1, 1e5, 500, 'Messages of one mailbox that may wait for an approval.'),
  mailbox_per_hour: limit(1e6, 500, 'Recipients that one mailbox may send to in an hour. Null: no limit.'),
  mailbox_per_day: limit(1e7, 2000, 'The same in a day.'),
  mailbox_new_per_day: limit(1e7, 500, 'Recipients in a day that the mailbox has not written to before.'),
  mailbox_recipient_per_day: limit(
    1e6,
    null,
    'Messages that one mailbox may send to the same recipient in a day. Null: no limit.',
  ),
  domain_per_hour: limit(1e7, null, 'Recipients that all mailboxes of a domain may send to in an hour.'),
  domain_per_day: limit(1e8, null, 'The same in a day.'),
  workspace_per_hour: limit(
    1e8,
    null,
    'Recipients that all mailboxes of a workspace may send to in an hour.',
  ),
  workspace_per_day: limit(1e9, null, 'The same in a day.'),
  ramp_up_start: limit(1e6, null, 'Recipients a day that a new mailbox may begin with. Null: no ramp-up.'),
  ramp_up_percent: number(1, 1000, 20, 'By how much that rises every day.'),
  pause_bounce_percent: {
    min: 1,
    max: 100,
    off: true,
    preset: 20,
    doc: 'Sending pauses when so many of a day’s recipients bounce as unknown or blocked. Null: never.',
  },
  pause_complaint_per_mille: {
    min: 1,
    max: 1000,
    off: true,
    preset: 5,
    doc: 'Sending pauses when so many of a thousand recipients complain. Null: never.',
  },
  pause_minimum: number(1, 1e6, 50, 'Recipients in a day below which nothing is paused by these rates.'),
} as const satisfies Record<string, WordSetting<string> | NumberSetting | LimitSetting>

type Setting = typeof deliverySettings
type ValueOf<S> = S extends { words: readonly (infer T)[] }
  ? T
  : S extends { off: false }
    ? number
    : number | null

/** What holds. */
export type DeliveryPolicy = { readonly [K in keyof Setting]: ValueOf<Setting[K]> }
/** What one level says; what is not named is inherited. */
export type DeliveryPolicySettings = Partial<DeliveryPolicy>

export const deliveryDefaults = Object.fromEntries(
  Object.entries(deliverySettings).map(([name, { preset }]) => [name, preset]),
) as DeliveryPolicy // each setting's preset has its own type: the table above is checked against it by the tests

/** Whose policy: a workspace's mailboxes, a domain's, or one mailbox. */
export type PolicyLevel = {
  organizationId: string
  workspaceId: string
  scope: 'workspace' | 'domain' | 'mailbox'
  /** The id of the workspace, the domain or the mailbox. */
  scopeId: string
}

/** A mailbox with what it inherits from; a level that does not apply is left out. */
export type PolicySubject = { workspaceId: string; domainId?: string | null; mailboxId?: string | null }

/**
 * The policy of a subject, remembered until the event log tells of a change.
 * @param db the transaction, inside one: a second connection asked for while the first is held could wait for ever.
 */
export async function deliveryPolicyOf(
  platform: Platform,
  subject: PolicySubject,
  db: Db = platform.db,
): Promise<DeliveryPolicy> {
  const ids = idsOf(subject)
  const read = async (): Promise<DeliveryPolicy> => await readPolicy(db, ids)
  return (await cacheOf(platform).load(ids.join(' '), read)) ?? (await read())
}

/** The same straight from the rows: in the transaction that changes them. */
export async function readDeliveryPolicy(db: Db, subject: PolicySubject): Promise<DeliveryPolicy> {
  return await readPolicy(db, idsOf(subject))
}

/** The nearest level first. */
function idsOf({ mailboxId, domainId, workspaceId }: PolicySubject): string[] {
  return [mailboxId, domainId, workspaceId].filter((id) => typeof id === 'string')
}

/** What a level itself says. */
export async function deliverySettingsOf(db: Db, scopeId: string): Promise<DeliveryPolicySettings> {
  const row = await db
    .selectFrom('delivery_policies')
    .select('settings')
    .where('scope_id', '=', scopeId)
    .executeTakeFirst()
  return row?.settings ?? {}
}

/** Replaces what a level says. */
export async function putDeliverySettings(
  platform: Platform,
  tx: Tx,
  level: PolicyLevel,
  settings: DeliveryPolicySettings,
): Promise<void> {
  const row = {
    scope_id: level.scopeId,
    scope: level.scope,
    workspace_id: level.workspaceId,
    settings: JSON.stringify(settings),
    updated_at: platform.clock.now(),
  }
  await tx
    .insertInto('delivery_policies')
    .values(row)
    .onConflict((conflict) => conflict.column('scope_id').doUpdateSet(row))
    .execute()
  // Other nodes hear of it by the event; here it holds as soon as it is committed.
  afterCommit(tx, () => cacheOf(platform).clear())
  await appendEvents(platform, tx, [
    {
      type: 'delivery_policy.updated',
      organizationId: level.organizationId,
      workspaceId: level.workspaceId,
      mailboxId: level.scope === 'mailbox' ? level.scopeId : null,
      data: { scope: level.scope, scope_id: level.scopeId, settings },
    },
  ])
}

const cachedMax = 100_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<DeliveryPolicy>>()

function cacheOf(platform: Platform): Cache<DeliveryPolicy> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<DeliveryPolicy>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe((event) => {
    if (event.type === 'delivery_policy.updated') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}

/** @param ids the nearest level first. */
async function readPolicy(db: Db, ids: readonly string[]): Promise<DeliveryPolicy> {
  const { rows } = await sql<{ settings: DeliveryPolicySettings }>`
    select settings from delivery_policies join unnest(${ids}::uuid[]) with ordinality as level (id, place)
      on scope_id = level.id
    order by place desc`.execute(db)
  return Object.assign({}, deliveryDefaults, ...rows.map(({ settings }) => settings))
}
