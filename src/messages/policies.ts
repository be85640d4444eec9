/**
 * Mail policies: how much a mailbox may hold and how long its mail is kept. A policy is data: each of its settings is
 * the mailbox's own, else its workspace's, else the program's default (MAILWRIGHT_QUOTA_BYTES and the like).
 */
import { type Selectable, sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import type { Config } from '../platform/config.ts'
import type { Db, Tables, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'

/** What holds for a mailbox. */
export type MailPolicy = {
  /** Null: unlimited. */
  quotaBytes: number | null
  /** Null: unlimited. */
  quotaMessages: number | null
  /** Days that a message stays in the folder with \Trash before it is removed; null: for ever. */
  trashDays: number | null
  /** The same for \Junk. */
  junkDays: number | null
  /** Days that a removed message can be restored; 0: not at all. */
  restoreDays: number
  pop3: {
    /** Messages expire so many days after POP3 has retrieved them (RFC 2449 §6.7); null: never. */
    keepDays: number | null
  }
}

/** What one level says. What is not named is inherited; null is "none": unlimited, for ever, never. */
export type PolicySettings = {
  quotaBytes?: number | null
  quotaMessages?: number | null
  trashDays?: number | null
  junkDays?: number | null
  restoreDays?: number
  pop3KeepDays?: number | null
}

export type PolicySubject = { workspaceId: string; mailboxId: string }

/** What a level may say, both bounds included. */
export const policyBounds = {
  quotaBytes: { min: 0, max: 2 ** 50 },
  quotaMessages: { min: 0, max: 2 ** 32 - 1 }, // UIDs have 32 bits (RFC 9051 §2.3.1.1)
  trashDays: { min: 1, max: 3650 },
  junkDays: { min: 1, max: 3650 },
  restoreDays: { min: 0, max: 365 },
  pop3KeepDays: { min: 0, max: 3650 },
} as const satisfies Record<keyof PolicySettings, { min: number; max: number }>

const cachedMax = 100_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<MailPolicy>>()

/**
 * The policy of a mailbox, remembered until the event log tells of a change.
 * @param db the transaction, inside one: a second connection asked for while the first is held could wait for ever.
 */
export async function policyOf(
  platform: Platform,
  owner: PolicySubject,
  db: Db = platform.db,
): Promise<MailPolicy> {
  const read = async (): Promise<MailPolicy> => await readPolicy(platform, owner, db)
  return (await cacheOf(platform).load(owner.mailboxId, read)) ?? (await read())
}

/** What the mailbox itself says (mailboxId), or its workspace (null). */
export async function settingsOf(
  db: Db,
  workspaceId: string,
  mailboxId: string | null,
): Promise<PolicySettings> {
  const row = await db
    .selectFrom('mail_policies')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('mailbox_id', mailboxId === null ? 'is' : '=', mailboxId)
    .executeTakeFirst()
  return row ? toSettings(row) : {}
}

/** What holds for the mailboxes of a workspace that say nothing themselves. */
export async function workspacePolicyOf(
  platform: Platform,
  workspaceId: string,
  db: Db = platform.db,
): Promise<MailPolicy> {
  return resolve([await settingsOf(db, workspaceId, null), defaultsOf(platform.config)])
}

/** Replaces what a mailbox (mailboxId) or a workspace (null) says. */
export async function putSettings(
  platform: Platform,
  tx: Tx,
  level: { organizationId: string; workspaceId: string; mailboxId: string | null },
  settings: PolicySettings,
): Promise<void> {
  const row = {
    workspace_id: level.workspaceId,
    mailbox_id: level.mailboxId,
    ...toColumns(settings),
    updated_at: platform.clock.now(),
  }
  await tx
    .insertInto('mail_policies')
    .values(row)
    .onConflict((conflict) => conflict.columns(['workspace_id', 'mailbox_id']).doUpdateSet(row))
    .execute()
  await appendEvents(platform, tx, [
    { type: 'policy.updated', ...level, data: { mailbox_id: level.mailboxId, settings } },
  ])
}

function cacheOf(platform: Platform): Cache<MailPolicy> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<MailPolicy>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe((event) => {
    if (event.type === 'policy.updated') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}

/** The same as `policyOf`, past what is remembered. */
export async function readPolicy(platform: Platform, owner: PolicySubject, db: Db): Promise<MailPolicy> {
  const { rows } = await sql<Stored & { mailbox_id: string | null }>`/* prepared read_policy */
    select mailbox_id, quota_bytes, quota_messages, trash_days, junk_days, restore_days, pop3_keep_days
    from mail_policies
    where workspace_id = ${owner.workspaceId}::uuid
      and (mailbox_id = ${owner.mailboxId}::uuid or mailbox_id is null)`.execute(db)
  const levels = rows.toSorted((a, b) => Number(a.mailbox_id === null) - Number(b.mailbox_id === null))
  return resolve([...levels.map(toSettings), defaultsOf(platform.config)])
}

/** The policies of many mailboxes, by their ids; of more than one, past what is remembered. */
export async function policiesOf(
  platform: Platform,
  db: Db,
  mailboxes: readonly { id: string; workspace_id: string }[],
): Promise<ReadonlyMap<string, MailPolicy>> {
  const [first, ...others] = mailboxes
  if (first !== undefined && others.length === 0) {
    const owner = { workspaceId: first.workspace_id, mailboxId: first.id }
    return new Map([[first.id, await policyOf(platform, owner, db)]])
  }
  const ids = mailboxes.map(({ id }) => id)
  const workspaceIds = [...new Set(mailboxes.map(({ workspace_id }) => workspace_id))]
  const rows = await db
    .selectFrom('mail_policies')
    .selectAll()
    .where(sql<boolean>`workspace_id = any(${uuidArray(workspaceIds)})`)
    .where(sql<boolean>`(mailbox_id is null or mailbox_id = any(${uuidArray(ids)}))`)
    .execute()
  const own = new Map(rows.map((row) => [row.mailbox_id ?? row.workspace_id, toSettings(row)]))
  const defaults = defaultsOf(platform.config)
  return new Map(
    mailboxes.map(({ id, workspace_id }) => [
      id,
      resolve([own.get(id) ?? {}, own.get(workspace_id) ?? {}, defaults]),
    ]),
  )
}

/** @param levels the nearest first; the last one says everything. */
function resolve(levels: readonly PolicySettings[]): MailPolicy {
  const pick = <K extends keyof PolicySettings>(name: K): PolicySettings[K] | undefined =>
    levels.find((level) => level[name] !== undefined)?.[name]
  return {
    quotaBytes: pick('quotaBytes') ?? null,
    quotaMessages: pick('quotaMessages') ?? null,
    trashDays: pick('trashDays') ?? null,
    junkDays: pick('junkDays') ?? null,
    restoreDays: pick('restoreDays') ?? 0,
    pop3: { keepDays: pick('pop3KeepDays') ?? null },
  }
}

function defaultsOf(config: Config): Required<PolicySettings> {
  return {
    quotaBytes: config.quotaBytes,
    quotaMessages: config.quotaMessages,
    trashDays: config.trashDays,
    junkDays: config.junkDays,
    restoreDays: config.restoreDays,
    pop3KeepDays: config.pop3KeepDays,
  }
}

/** How "none" is stored, because null in a column is "inherited". */
export const storedNone = -1

type Stored = Pick<
  Selectable<Tables['mail_policies']>,
  'quota_bytes' | 'quota_messages' | 'trash_days' | 'junk_days' | 'restore_days' | 'pop3_keep_days'
>

function toColumns(settings: PolicySettings): Stored {
  const stored = (value: number | null | undefined): number | null =>
    value === undefined ? null : (value ?? storedNone)
  return {
    quota_bytes: stored(settings.quotaBytes),
    quota_messages: stored(settings.quotaMessages),
    trash_days: stored(settings.trashDays),
    junk_days: stored(settings.junkDays),
    restore_days: stored(settings.restoreDays),
    pop3_keep_days: stored(settings.pop3KeepDays),
  }
}

function toSettings(row: Stored): PolicySettings {
  const said = (value: number): number | null => (value === storedNone ? null : value)
  return {
    ...(row.quota_bytes === null ? {} : { quotaBytes: said(row.quota_bytes) }),
    ...(row.quota_messages === null ? {} : { quotaMessages: said(row.quota_messages) }),
    ...(row.trash_days === null ? {} : { trashDays: said(row.trash_days) }),
    ...(row.junk_days === null ? {} : { junkDays: said(row.junk_days) }),
    ...(row.restore_days === null ? {} : { restoreDays: row.restore_days }),
    ...(row.pop3_keep_days === null ? {} : { pop3KeepDays: said(row.pop3_keep_days) }),
  }
}
