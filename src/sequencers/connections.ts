/** Connections to sequencers as people keep them. The key goes in and never comes out. */
import { sql } from 'kysely'
import {
  requireCredentialsRight,
  requireWorkspace,
  requireWrite,
  type Scope,
} from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import { privateKeyContext } from '../domains/reseal.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents, type EventType } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { SequencerError } from './driver.ts'
import { wakeSequencers } from './jobs.ts'
import { keyOf, openSequencer } from './opening.ts'
import { type PlatformName, type SequencerSettings, sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import { lockSequencer, type Sequencer } from './rows.ts'
import { checkSettings } from './settings.ts'

export type NewSequencer = {
  name: string
  platform: PlatformName
  settings: SequencerSettings
  /** Null for a platform that takes files only. */
  key: string | null
}

export type SequencerUpdate = { name?: string; settings?: SequencerSettings; key?: string }

export async function listSequencers(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<Sequencer>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal sequencer_not_found, forbidden. */
export async function getSequencer(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Sequencer> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('sequencer_not_found')
  return found
}

/** The same, locked for a change of it or of what is there. @throws Refusal sequencer_not_found, forbidden. */
export async function getSequencerLocked(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<Sequencer> {
  requireWrite(scope)
  const { id } = await getSequencer(platform, scope, ref, tx)
  const row = await lockSequencer(tx, id)
  if (!row) throw new Refusal('sequencer_not_found')
  return row
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('sequencers')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
}

/**
 * Asks the sequencer whether it takes the key; one that takes files only is not asked. Not for a transaction: it waits
 * for the world.
 * @returns the settings in their one form.
 * @throws Refusal invalid_request, sequencer_key_refused, sequencer_failed, forbidden.
 */
export async function tryNewSequencer(
  platform: Platform,
  scope: Scope,
  { platform: name, settings, key }: Omit<NewSequencer, 'name'>,
): Promise<SequencerSettings> {
  requireWrite(scope)
  requireWorkspace(scope)
  requireCredentialsRight(scope) // passwords will go to whatever is connected
  const checked = checkSettings(platform.config, name, settings)
  const { method, title } = sequencerPlatforms[name]
  if (method === 'file') {
    if (key === null) return checked
    throw new Refusal('invalid_request', `${title} takes files only: there is no use for a key.`)
  }
  if (key === null || !/^[\x21-\x7e]+$/.test(key)) {
    throw new Refusal('invalid_request', 'The key must be printable ASCII without spaces.', {
      fields: [{ pointer: '/key', detail: 'must be printable ASCII without spaces' }],
    })
  }
  try {
    await openSequencer(platform, { platform: name, settings: checked, key, nextCallAt: null }).driver.check()
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    const isRefused = error.kind === 'bad_key' || error.kind === 'no_plan'
    const code = isRefused ? 'sequencer_key_refused' : 'sequencer_failed'
    throw new Refusal(code, error.message || undefined, { cause: error })
  }
  return checked
}

/**
 * The same for a change of a connection.
 * @throws Refusal sequencer_not_found too, and invalid_request for another place without its key.
 */
export async function trySequencerUpdate(
  platform: Platform,
  scope: Scope,
  id: string,
  update: SequencerUpdate,
): Promise<SequencerUpdate> {
  requireWrite(scope)
  const before = await getSequencer(platform, scope, id)
  if (update.settings === undefined && update.key === undefined) return update
  const settings = checkSettings(platform.config, before.platform, update.settings ?? before.settings)
  if (settings.base_url !== before.settings.base_url && update.key === undefined) {
    // Else whoever may change a connection could have its key sent to a server of his own.
    throw new Refusal('invalid_request', 'With another base_url the key must be given again.')
  }
  const key = update.key ?? keyOf(platform, before)
  await tryNewSequencer(platform, scope, { platform: before.platform, settings, key })
  return { ...update, settings }
}

/**
 * Keeps a connection that was tried.
 * @throws Refusal sequencer_limit_reached, workspace_not_found, forbidden.
 */
export async function createSequencer(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewSequencer,
): Promise<Sequencer> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const others = await own(tx, scope).select('id').forUpdate().execute()
  if (others.length >= sequencerPolicy.connectionsPerWorkspaceMax)
    throw new Refusal('sequencer_limit_reached')
  const id = newId()
  const now = platform.clock.now()
  const row = await tx
    .insertInto('sequencers')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      platform: wanted.platform,
      name: wanted.name,
      settings: JSON.stringify(wanted.settings),
      ...(wanted.key === null
        ? { sealed_private_key: null, key_id: null }
        : sealed(platform, id, wanted.key)),
      state: 'working',
      error_kind: null,
      last_error: null,
      checked_at: now,
      retry_at: null,
      next_call_at: null,
      observed_at: null,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellOfSequencer(platform, tx, 'sequencer.created', row)
  return row
}

/**
 * Keeps a change that was tried; whatever waited for it is tried at once.
 * @throws Refusal sequencer_not_found, forbidden.
 */
export async function updateSequencer(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  update: SequencerUpdate,
): Promise<Sequencer> {
  const before = await getSequencerLocked(platform, tx, scope, ref)
  const now = platform.clock.now()
  const isTried = update.settings !== undefined || update.key !== undefined
  const row = await tx
    .updateTable('sequencers')
    .set({
      updated_at: now,
      ...(update.name === undefined ? {} : { name: update.name }),
      ...(update.settings === undefined ? {} : { settings: JSON.stringify(update.settings) }),
      ...(update.key === undefined ? {} : sealed(platform, before.id, update.key)),
      ...(isTried ? { ...working, checked_at: now } : {}),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tellOfSequencer(platform, tx, 'sequencer.updated', row)
  if (isTried && before.state === 'failing') await tellOfSequencer(platform, tx, 'sequencer.recovered', row)
  if (isTried) await wakeSequencers(tx, [row.id])
  return row
}

/** Of a connection that the sequencer has just let in. */
export const working = {
  state: 'working' as const,
  error_kind: null,
  last_error: null,
  retry_at: null,
  failures: 0,
}

function sealed({ vault }: Platform, id: string, key: string) {
  return { sealed_private_key: vault.seal(key, privateKeyContext('sequencers', id)), key_id: vault.keyId }
}

type PlainEvent = Exclude<
  Extract<EventType, `sequencer.${string}`>,
  `${string}mailbox_${string}` | 'sequencer.failed'
>

export async function tellOfSequencer(
  platform: Platform,
  tx: Tx,
  type: PlainEvent,
  row: Sequencer,
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { sequencer_id: row.id, platform: row.platform, name: row.name },
    },
  ])
}
