/** Relays as people keep them: made, listed, changed, removed and tried. The password goes in and never comes out. */
import { isIP } from 'node:net'
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { getDomain } from '../../domains/domains.ts'
import { parseDomainName } from '../../domains/names.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { openRelay } from './connect.ts'
import type { AttemptDetail } from './outcome.ts'
import { loginOf, relaySecretContext } from './relays.ts'
import { failureLine, SmtpFailure } from './smtp-client/failure.ts'
import { rfcTimeouts } from './smtp-client/session.ts'
import type { RelaysTable } from './tables.ts'

export type RelayRow = Selectable<RelaysTable>

export type RelaySettings = {
  /** Id or name of the sender's domain; null is every one. */
  domain: string | null
  recipientDomain: string | null
  host: string
  port: number
  security: RelayRow['security']
  username: string | null
  password: string | null
  priority: number
}

export async function listRelays(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<RelayRow>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal relay_not_found. */
export async function getRelay(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<RelayRow> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('relay_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('relays')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
}

/** @throws Refusal invalid_request, domain_not_found, forbidden. */
export async function createRelay(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  settings: RelaySettings,
): Promise<RelayRow> {
  requireWrite(scope)
  requireWorkspace(scope)
  const id = newId()
  const row = await tx
    .insertInto('relays')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      ...(await columnsOf(platform, tx, scope, settings)),
      sealed_password: sealed(platform, id, settings.password),
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, scope, 'relay.created', id)
  return row
}

/** @param changes what is left out stays. @throws Refusal relay_not_found, invalid_request, domain_not_found. */
export async function updateRelay(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  changes: Partial<RelaySettings>,
): Promise<RelayRow> {
  requireWrite(scope)
  const before = await getRelay(platform, scope, ref, tx)
  const { password, ...rest } = changes
  const settings: RelaySettings = {
    domain: before.domain_id,
    recipientDomain: before.recipient_domain,
    host: before.host,
    port: before.port,
    security: before.security,
    username: before.username,
    priority: before.priority,
    ...rest,
    // Told only when it changes; one that is kept counts as there.
    password: password === undefined ? (before.sealed_password === null ? null : '') : password,
  }
  const isMoved = settings.host !== before.host || settings.port !== before.port
  if (isMoved && password === undefined && before.sealed_password !== null) {
    // Else whoever may change a relay could have its password sent to a host of his own.
    throw new Refusal('invalid_request', 'With another host or port the password must be given again.')
  }
  const columns = await columnsOf(platform, tx, scope, settings)
  const row = await tx
    .updateTable('relays')
    .set({
      ...columns,
      ...(password === undefined ? {} : { sealed_password: sealed(platform, before.id, password) }),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, scope, 'relay.updated', before.id)
  return row
}

/** @throws Refusal relay_not_found. */
export async function deleteRelay(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<void> {
  requireWrite(scope)
  const { id } = await getRelay(platform, scope, ref, tx)
  await tx.deleteFrom('relays').where('id', '=', id).execute()
  await tell(platform, tx, scope, 'relay.deleted', id)
}

async function columnsOf(platform: Platform, tx: Tx, scope: Scope, settings: RelaySettings) {
  const host = settings.host.toLowerCase()
  if (isIP(host) === 0 && host !== 'localhost' && parseDomainName(host) === null) {
    throw new Refusal('invalid_request', `"${settings.host}" is neither a host name nor an address.`)
  }
  const recipientDomain = settings.recipientDomain === null ? null : parseDomainName(settings.recipientDomain)
  if (settings.recipientDomain !== null && recipientDomain === null) {
    throw new Refusal('invalid_request', `"${settings.recipientDomain}" is not a domain name.`)
  }
  if ((settings.username === null) !== (settings.password === null)) {
    throw new Refusal('invalid_request', 'User name and password belong together: give both or neither.')
  }
  const domain = settings.domain === null ? null : await getDomain(platform, scope, settings.domain, tx)
  return {
    domain_id: domain?.id ?? null,
    recipient_domain: recipientDomain,
    host,
    port: settings.port,
    security: settings.security,
    username: settings.username,
    priority: settings.priority,
  }
}

function sealed(platform: Platform, id: string, password: string | null): Buffer | null {
  return password === null ? null : platform.vault.seal(password, relaySecretContext(id))
}

async function tell(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  type: 'relay.created' | 'relay.updated' | 'relay.deleted',
  id: string,
): Promise<void> {
  const { organizationId, workspaceId } = scope
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId, data: { relay_id: id } }])
}

export type RelayTest = { ok: boolean; reply: string | null; detail: AttemptDetail }

const testMsMax = 15_000

/** Connects to a relay and logs in, and sends nothing. @throws Refusal relay_not_found. */
export async function testRelay(platform: Platform, scope: Scope, ref: string): Promise<RelayTest> {
  requireWrite(scope)
  const row = await getRelay(platform, scope, ref)
  const timeouts = { ...rfcTimeouts, greetingMs: testMsMax, commandMs: testMsMax }
  const { id, host, port, security } = row
  const relay = { id, host, port, security, login: loginOf(platform, row), isTrusted: false }
  try {
    const { session, detail } = await openRelay({ platform, timeouts }, relay)
    session.quit()
    return { ok: true, reply: null, detail }
  } catch (error) {
    if (!(error instanceof SmtpFailure)) throw error
    return { ok: false, reply: failureLine(error.reply), detail: { ...error.at } }
  }
}
