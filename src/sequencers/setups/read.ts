/** Setups as they are read: each domain with how far it is. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import type { DomainState } from '../../domains/lifecycle.ts'
import { parseDomainName } from '../../domains/names.ts'
import type { MailboxState } from '../../mailboxes/lifecycle.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { SetupDomainsTable, SetupMailboxesTable, SetupsTable } from './schema.ts'
import { type SetupStage, stageOf } from './stages.ts'

export type SetupMailboxRow = Selectable<SetupMailboxesTable> & { state: MailboxState }

export type SetupDomainRow = Selectable<SetupDomainsTable> & {
  stage: SetupStage
  mailboxes: readonly SetupMailboxRow[]
}

export type Setup = Selectable<SetupsTable> & { domains: readonly SetupDomainRow[] }

/** @throws Refusal setup_not_found, forbidden. */
export async function getSetup(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Setup> {
  requireWorkspace(scope)
  const row = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  const [found] = row ? await withDomains(db, [row]) : []
  if (!found) throw new Refusal('setup_not_found')
  return found
}

/** The workspace's, oldest first. @throws Refusal forbidden. */
export async function listSetups(platform: Platform, scope: Scope, page: PageRequest): Promise<Page<Setup>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  const { rows: kept, nextCursor } = toPage(rows, page)
  return { rows: await withDomains(platform.db, kept), nextCursor }
}

/** The newest setup that a domain is in. @throws Refusal setup_not_found, forbidden. */
export async function latestSetupOf(platform: Platform, scope: Scope, domain: string): Promise<Setup> {
  requireWorkspace(scope)
  const name = parseDomainName(domain)
  const { rows } = await sql<{ setup_id: string }>`select setup_id from setup_domains
    where workspace_id = ${scope.workspaceId}::uuid and name = ${name} order by setup_id desc limit 1`.execute(
    platform.db,
  )
  return await getSetup(platform, scope, rows[0]?.setup_id ?? '')
}

function own(db: Db, scope: Scope) {
  return db.selectFrom('setups').selectAll().where('workspace_id', '=', scope.workspaceId)
}

type DomainFacts = Selectable<SetupDomainsTable> & {
  domain_state: DomainState
  is_exporting: boolean
  has_failed_export: boolean
}

/** @param db the transaction, inside one. */
export async function withDomains(db: Db, setups: readonly Selectable<SetupsTable>[]): Promise<Setup[]> {
  if (setups.length === 0) return []
  const ids = uuidArray(setups.map(({ id }) => id))
  const { rows: domains } = await sql<DomainFacts>`
    select setup_domains.*, domains.state as domain_state,
      exists (select 1 from exports where exports.id = any(export_ids) and exports.state = 'running') as is_exporting,
      exists (select 1 from exports where exports.id = any(export_ids) and exports.state = 'failed') as has_failed_export
    from setup_domains join domains on domains.id = domain_id
    where setup_id = any(${ids}) order by setup_id, position`.execute(db)
  const { rows: mailboxes } = await sql<SetupMailboxRow>`
    select setup_mailboxes.*, coalesce(mailboxes.state, 'deleted') as state
    from setup_mailboxes left join mailboxes on mailboxes.id = mailbox_id
    where setup_id = any(${ids}) order by setup_id, position`.execute(db)
  return setups.map((setup) => ({
    ...setup,
    domains: domains
      .filter((domain) => domain.setup_id === setup.id)
      .map(({ domain_state, is_exporting, has_failed_export, ...domain }) => {
        const own = mailboxes.filter(
          (mailbox) => mailbox.setup_id === setup.id && mailbox.domain_id === domain.domain_id,
        )
        const stage = stageOf({
          domain: domain_state,
          mailboxes: own.map(({ state }) => state),
          exports:
            own.length > 0 && (setup.file_platform !== null || own.some((one) => one.sequencer_id !== null)),
          isSettled: domain.settled_at !== null,
          isExporting: is_exporting,
          hasFailedExport: has_failed_export || domain.problem !== null,
        })
        return { ...domain, stage, mailboxes: own }
      }),
  }))
}
