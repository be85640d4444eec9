/** Registrant contacts: who a domain is registered for. Personal data: in no log and in no event. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import type { RegistrantContactsTable } from './orders/tables.ts'
import type { ContactData } from './registrars/driver.ts'

export type Contact = Selectable<RegistrantContactsTable>

const contactsMax = 1000

/** @throws Refusal contact_limit_reached, workspace_not_found, forbidden. */
export async function createContact(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  data: ContactData,
): Promise<Contact> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from
    (select 1 from registrant_contacts where workspace_id = ${scope.workspaceId} limit ${contactsMax}) as counted`.execute(
    tx,
  )
  if ((rows[0]?.count ?? 0) >= contactsMax) throw new Refusal('contact_limit_reached')
  const contact = await tx
    .insertInto('registrant_contacts')
    .values({
      ...data,
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, scope, 'contact.created', contact.id)
  return contact
}

/** One that says the same, made if there is none: for who names a contact with every order. @throws as `createContact`. */
export async function ensureContact(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  data: ContactData,
): Promise<Contact> {
  requireWrite(scope)
  requireWorkspace(scope)
  const same = Object.entries(data).map(
    ([column, value]) => sql`${sql.ref(column)} is not distinct from ${value}`,
  )
  const found = await own(tx, scope)
    .where(sql<boolean>`${sql.join(same, sql` and `)}`)
    .limit(1)
    .executeTakeFirst()
  return found ?? (await createContact(platform, tx, scope, data))
}

/** The newest one, made unless the newest says the same: for who is registered for it from now on. @throws as `createContact`. */
export async function ensureNewestContact(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  data: ContactData,
): Promise<Contact> {
  requireWrite(scope)
  const newest = await newestContact(tx, scope)
  const isSo = newest !== null && contactFields.every((name) => newest[name] === data[name])
  return isSo ? newest : await createContact(platform, tx, scope, data)
}

/** What it says, without what it is here. */
export function contactData(contact: Contact): ContactData {
  const {
    id: _id,
    organization_id: _organization,
    workspace_id: _workspace,
    created_at: _at,
    ...data
  } = contact
  return data
}

const contactFields = [
  'first_name',
  'last_name',
  'organization',
  'email',
  'phone',
  'address1',
  'address2',
  'city',
  'state',
  'zip',
  'country',
] as const satisfies readonly (keyof ContactData)[]

export async function listContacts(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<Contact>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** The one that was made last, who domains are registered for where no other is named; null: there is none. */
export async function newestContact(db: Db, scope: Scope): Promise<Contact | null> {
  requireWorkspace(scope)
  return (await own(db, scope).orderBy('id', 'desc').limit(1).executeTakeFirst()) ?? null
}

/** @throws Refusal contact_not_found, forbidden. */
export async function getContact(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Contact> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('contact_not_found')
  return found
}

/** @throws Refusal contact_not_found, contact_in_use while an order that names it is under way, forbidden. */
export async function deleteContact(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<void> {
  requireWrite(scope)
  const { id } = await getContact(platform, scope, ref, tx)
  // Locked, so that an order that is made just now either sees it gone or is seen here.
  await tx.selectFrom('registrant_contacts').select('id').where('id', '=', id).forUpdate().execute()
  const order = await tx
    .selectFrom('domain_orders')
    .select('id')
    .where('contact_id', '=', id)
    .where('workspace_id', '=', scope.workspaceId)
    .where('state', 'not in', ['done', 'failed'])
    .limit(1)
    .executeTakeFirst()
  if (order) throw new Refusal('contact_in_use')
  await tx.deleteFrom('registrant_contacts').where('id', '=', id).execute()
  await tell(platform, tx, scope, 'contact.deleted', id)
}

/** The same, kept from being deleted until the transaction ends. @throws Refusal contact_not_found. */
export async function holdContact(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Contact> {
  const { id } = await getContact(platform, scope, ref, tx)
  const found = await own(tx, scope).where('id', '=', id).forShare().executeTakeFirst()
  if (!found) throw new Refusal('contact_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db.selectFrom('registrant_contacts').selectAll().where('workspace_id', '=', scope.workspaceId)
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Scope,
  type: 'contact.created' | 'contact.deleted',
  id: string,
): Promise<void> {
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId, data: { contact_id: id } }])
}
