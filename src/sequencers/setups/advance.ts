/** The job of setups: exports what has come about since, and ends those of which nothing is left to wait for. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { workThrough } from '../../platform/work-through.ts'
import { createExport, type NewExport } from '../exports.ts'
import { type Setup, type SetupDomainRow, type SetupMailboxRow, withDomains } from './read.ts'
import type { SetupsTable } from './schema.ts'
import { isReadyToExport } from './stages.ts'

const setupsPerTransaction = 20

export async function advanceSetups(platform: Platform): Promise<void> {
  let after = '00000000-0000-0000-0000-000000000000'
  await workThrough(
    platform,
    'setups.advance_failed',
    setupsPerTransaction,
    async ({ limit, except, taken }) =>
      transaction(platform.db, async (tx) => {
        const { rows } = await sql<Selectable<SetupsTable>>`select * from setups
        where state = 'running' and id > ${after}::uuid and id <> all(${uuidArray(except)})
        order by id limit ${limit} for update skip locked`.execute(tx)
        taken(rows.map(({ id }) => id))
        for (const setup of await withDomains(tx, rows)) await advanceSetup(platform, tx, setup)
        after = rows.at(-1)?.id ?? after
        return rows.length
      }),
  )
}

async function advanceSetup(platform: Platform, tx: Tx, setup: Setup): Promise<void> {
  const ready = setup.domains.filter(({ settled_at, stage }) => settled_at === null && isReadyToExport(stage))
  for (const domain of ready) await settle(platform, tx, setup, domain)
  const [now] = ready.length > 0 ? await withDomains(tx, [setup]) : [setup]
  if (!now?.domains.every(({ stage }) => stage === 'completed' || stage === 'failed')) return
  const state = now.domains.some(({ stage }) => stage === 'completed') ? 'completed' : 'failed'
  const completed_at = platform.clock.now()
  await tx.updateTable('setups').set({ state, completed_at }).where('id', '=', setup.id).execute()
  await appendEvents(platform, tx, [
    {
      type: 'setup.completed',
      organizationId: setup.organization_id,
      workspaceId: setup.workspace_id,
      data: { setup_id: setup.id, state },
    },
  ])
}

/**
 * Exports the mailboxes of a domain that are there, and notes that nothing is left to begin. Where as many exports run as
 * may, the next run makes those that are missing.
 */
async function settle(platform: Platform, tx: Tx, setup: Setup, domain: SetupDomainRow): Promise<void> {
  const exportIds = [...domain.export_ids]
  const begun = await sequencersOf(tx, exportIds)
  let problem: string | null = null
  let isSettled = true
  for (const wanted of exportsOf(setup, domain.mailboxes)) {
    if (begun.has(wanted.sequencerId)) continue
    try {
      const { row } = await createExport(platform, tx, scopeOf(setup), wanted)
      exportIds.push(row.id)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (error.code === 'export_limit_reached') isSettled = false
      else problem = error.detail
    }
  }
  await tx
    .updateTable('setup_domains')
    .set({ export_ids: exportIds, settled_at: isSettled ? platform.clock.now() : null, problem })
    .where('setup_id', '=', setup.id)
    .where('domain_id', '=', domain.domain_id)
    .execute()
}

/** To which connections these exports go; null is the file. */
async function sequencersOf(tx: Tx, exportIds: readonly string[]): Promise<Set<string | null>> {
  const { rows } = await sql<{ sequencer_id: string | null }>`
    select sequencer_id from exports
    where id = any(${uuidArray(exportIds)}) and (sequencer_id is not null or method = 'file')`.execute(tx)
  return new Set(rows.map(({ sequencer_id }) => sequencer_id))
}

/** One for each sequencer, and one for the file. */
function exportsOf({ file_platform: file }: Setup, mailboxes: readonly SetupMailboxRow[]): NewExport[] {
  const active = mailboxes.filter(({ state }) => state === 'active')
  if (active.length === 0) return []
  const choice = (some: readonly SetupMailboxRow[]) => ({ refs: some.map((mailbox) => mailbox.mailbox_id) })
  const bySequencer = Map.groupBy(active, (mailbox) => mailbox.sequencer_id)
  const exports = [...bySequencer].flatMap(([sequencerId, some]): NewExport[] =>
    sequencerId === null ? [] : [{ sequencerId, platform: null, method: null, choice: choice(some) }],
  )
  if (file === null) return exports
  return [...exports, { sequencerId: null, platform: file, method: 'file', choice: choice(active) }]
}

/** It was allowed when the setup was made. */
function scopeOf({ id, organization_id: organizationId, workspace_id: workspaceId }: Setup): Scope {
  return { organizationId, workspaceId, mailboxId: null, access: 'write', actor: `setup:${id}` }
}
