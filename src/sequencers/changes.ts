/**
 * Finds mailboxes that are not any more as they were pushed: another password, name or address, a suspension, other
 * servers or limits. Each is compared as a whole with what was pushed, so that whoever changes a mailbox need not know of
 * sequencers.
 */
import { sql } from 'kysely'
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { tellOfSequencer } from './connections.ts'
import { wakeSequencers } from './jobs.ts'
import { keepChanges, type RowChange } from './keeping.ts'
import { sequencerPolicy } from './policy.ts'
import { lockSequencer, rowsOf, type Sequencer, type SequencerMailbox, writeRows } from './rows.ts'
import { afterUnpushable, queuedAnew } from './transitions.ts'
import {
  commonDigest,
  digestOf,
  goneMailbox,
  isPushedSo,
  type WantedMailbox,
  wantedMailboxes,
} from './wanted.ts'

/** The job of every minute. */
export async function findChanges(platform: Platform): Promise<void> {
  await forgetSequencers(platform)
  await noteCommonChanges(platform)
  const startedAt = platform.clock.now()
  while ((await compareSome(platform, startedAt)) > 0);
  await wakeDue(platform)
}

/** Those of deleted workspaces go, with their keys. */
async function forgetSequencers(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Sequencer>`
      delete from sequencers using workspaces
      where workspaces.id = workspace_id and workspaces.deleted_at is not null
      returning sequencers.*`.execute(tx)
    for (const row of rows) await tellOfSequencer(platform, tx, 'sequencer.deleted', row)
  })
}

/** Where what all mailboxes are told alike has changed, all are compared. */
async function noteCommonChanges(platform: Platform): Promise<void> {
  const sequencers = await platform.db
    .selectFrom('sequencers')
    .select(['id', 'settings', 'told_digest'])
    .where('key_id', 'is not', null)
    .execute()
  for (const { id, settings, told_digest: told } of sequencers) {
    const wanted = commonDigest(platform, settings)
    if (told?.equals(wanted)) continue
    await transaction(platform.db, async (tx) => {
      const row = await lockSequencer(tx, id)
      if (!row) return
      const told_digest = commonDigest(platform, row.settings)
      await tx.updateTable('sequencers').set({ told_digest }).where('id', '=', id).execute()
      await tx
        .updateTable('sequencer_mailboxes')
        .set({ compared_at: null })
        .where('sequencer_id', '=', id)
        .execute()
    })
  }
}

/** @returns how many were compared. */
async function compareSome(platform: Platform, startedAt: Date): Promise<number> {
  const late = `${sequencerPolicy.lateCommitMs} milliseconds`
  const { rows } = await sql<Pick<SequencerMailbox, 'sequencer_id' | 'mailbox_id'>>`
    select sequencer_id, sequencer_mailboxes.mailbox_id
    from sequencer_mailboxes join mailboxes on mailboxes.id = sequencer_mailboxes.mailbox_id
      join domains on domains.id = mailboxes.domain_id
      left join mailbox_passwords on mailbox_passwords.mailbox_id = mailboxes.id and mailbox_passwords.name = 'primary'
      left join mailbox_totp on mailbox_totp.mailbox_id = mailboxes.id
    where sequencer_mailboxes.state in ('connected', 'disconnected', 'failed', 'missing', 'inactive') and wanted
      and (compared_at is null or compared_at < ${startedAt} and (
        greatest(mailboxes.updated_at, domains.state_changed_at, mailbox_passwords.created_at, mailbox_totp.enabled_at,
          mailbox_totp.app_passwords_changed_at)
          > compared_at - ${late}::interval
        or pushed_key_id <> ${platform.vault.keyId}))
    order by sequencer_id, sequencer_mailboxes.mailbox_id limit ${sequencerPolicy.rowsPerBatch}`.execute(
    platform.db,
  )
  for (const [id, found] of Map.groupBy(rows, ({ sequencer_id }) => sequencer_id)) {
    const ids = found.map(({ mailbox_id }) => mailbox_id)
    await transaction(platform.db, (tx) => compare(platform, tx, id, ids, startedAt))
  }
  return rows.length
}

async function compare(
  platform: Platform,
  tx: Tx,
  id: string,
  mailboxIds: readonly string[],
  startedAt: Date,
): Promise<void> {
  const sequencer = await lockSequencer(tx, id)
  if (!sequencer) return
  const rows = (await rowsOf(tx, id, mailboxIds)).filter(({ state }) => comparable.has(state))
  const wanted = await wantedMailboxes(platform, tx, mailboxIds, sequencer.settings)
  const changes = rows.map((before): RowChange & { after: SequencerMailbox } => {
    const after = compared(platform, sequencer, before, wanted.get(before.mailbox_id))
    return { before, after: { ...after, compared_at: startedAt } }
  })
  const isNews = ({ before, after }: (typeof changes)[number]): boolean =>
    after.state !== before.state || after.error_kind !== before.error_kind
  const same = changes.filter((change) => !isNews(change)).map(({ after }) => after)
  await writeRows(tx, same, platform.clock.now())
  const news = changes.filter(isNews)
  await keepChanges(platform, tx, sequencer, news)
  if (news.length > 0) await wakeSequencers(tx, [id])
}

const comparable: ReadonlySet<string> = new Set([
  'connected',
  'disconnected',
  'failed',
  'missing',
  'inactive',
])

function compared(
  platform: Platform,
  { settings }: Sequencer,
  row: SequencerMailbox,
  wanted: WantedMailbox | undefined,
): SequencerMailbox {
  const now = platform.clock.now()
  const problem = wanted === undefined ? goneMailbox : wanted.problem
  if (problem !== null) {
    const isKnown = row.error_kind === problem.kind && (row.state === 'inactive' || row.state === 'failed')
    return isKnown ? row : afterUnpushable(row, problem, settings.remove_inactive === true, now)
  }
  const account = wanted?.account ?? null
  if (account === null || row.state === 'missing') return row
  if (row.state === 'inactive') return queuedAnew(row, now)
  if (!isPushedSo(platform, row.mailbox_id, row, account)) return queuedAnew(row, now)
  return { ...row, ...digestOf(platform, row.mailbox_id, account) } // perhaps under another master key
}

/** What a node that ended left undone, and lists that are to be read again. */
async function wakeDue(platform: Platform): Promise<void> {
  const now = platform.clock.now()
  const stale = new Date(now.getTime() - sequencerPolicy.observeMs)
  const { rows } = await sql<{ id: string }>`
    select id from sequencers where key_id is not null and (retry_at is null or retry_at <= ${now})
      and (next_call_at is null or next_call_at <= ${now}) and (
        delete_when_empty
        or exists (select 1 from sequencer_mailboxes where sequencer_id = sequencers.id
          and state in ('queued', 'confirming', 'removing') and next_attempt_at <= ${now})
        or (observed_at is null or observed_at <= ${stale})
          and exists (select 1 from sequencer_mailboxes where sequencer_id = sequencers.id))`.execute(
    platform.db,
  )
  await transaction(platform.db, (tx) =>
    wakeSequencers(
      tx,
      rows.map(({ id }) => id),
    ),
  )
}

/** Exports that ended long ago are forgotten, with their items. @returns how many. */
export async function deleteOldExports(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - sequencerPolicy.exportsKeptDays * 24 * 3_600_000)
  const { rows } = await sql`
    delete from exports where id in (
      select id from exports where completed_at < ${before} order by completed_at limit ${exportsPerBatch}
    ) returning id`.execute(platform.db)
  return rows.length
}

const exportsPerBatch = 20
