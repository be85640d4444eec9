/** Saved cards: a copy of what the provider keeps, without what must not be kept. It is read anew when something changes. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { switchOff } from './auto-off.ts'
import { type Card, PaymentFailure } from './provider.ts'
import { onlinePayments } from './providers.ts'
import type { PaymentMethodsTable } from './tables.ts'
import { alone } from './top-up-lock.ts'

export type SavedCard = Selectable<PaymentMethodsTable>

type CardEvent = { payment_method_id: string; brand: string; last4: string }

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.payment_method_added': CardEvent
    'billing.payment_method_updated': CardEvent
    'billing.payment_method_removed': CardEvent
  }
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Reads the cards of a workspace's customer anew. */
    'payments.sync_cards': { workspace_id: string }
  }
}

/** The workspace's cards, the default one first. */
export async function listCards(platform: Platform, scope: Scope): Promise<SavedCard[]> {
  requireWorkspace(scope)
  return await kept(platform.db, scope.workspaceId).orderBy('is_default', 'desc').orderBy('id').execute()
}

/** Which card is charged without the customer. */
export async function defaultCard(db: Db, workspaceId: string): Promise<SavedCard | null> {
  return (await kept(db, workspaceId).where('is_default', '=', true).executeTakeFirst()) ?? null
}

function kept(db: Db, workspaceId: string) {
  return db
    .selectFrom('payment_methods')
    .selectAll()
    .where('workspace_id', '=', workspaceId)
    .where('removed_at', 'is', null)
}

export async function addSyncCardsJob(tx: Tx, workspaceId: string): Promise<void> {
  const key = `payments.sync_cards:${workspaceId}`
  await addJob(tx, 'payments.sync_cards', { workspace_id: workspaceId }, { key })
}

/** Asks the provider which cards there are, and writes that down. */
export async function syncCards(platform: Platform, workspaceId: string): Promise<void> {
  await alone(platform, workspaceId, async () => {
    const customer = await platform.db
      .selectFrom('payment_customers')
      .selectAll()
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirst()
    if (!customer) return
    const seen = await onlinePayments(platform).listCards(customer.customer_id)
    const owner = { organizationId: customer.organization_id, workspaceId }
    await transaction(platform.db, (tx) =>
      writeCards(platform, tx, owner, seen ?? { cards: [], defaultId: null }),
    )
  })
}

type Owner = { organizationId: string; workspaceId: string }

async function writeCards(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  { cards, defaultId }: { cards: readonly Card[]; defaultId: string | null },
): Promise<void> {
  const before = await kept(tx, owner.workspaceId).forUpdate().execute()
  const oldDefault = before.find((card) => card.is_default)?.provider_id
  const ids = cards.map(({ id }) => id)
  const chosen = [defaultId, oldDefault, ids[0]].find(
    (id) => id !== null && id !== undefined && ids.includes(id),
  )
  const gone = before.filter((card) => !ids.includes(card.provider_id))
  await removeCards(platform, tx, owner, gone)
  await tx
    .updateTable('payment_methods')
    .set({ is_default: false })
    .where('workspace_id', '=', owner.workspaceId)
    .where('removed_at', 'is', null)
    .execute()
  const events: NewEvent[] = []
  for (const card of cards) {
    const row = await upsertCard(platform, tx, owner, card, card.id === chosen)
    const old = before.find(({ provider_id }) => provider_id === card.id)
    if (!old) events.push({ type: 'billing.payment_method_added', ...owner, data: eventOf(row) })
    else if (isOther(old, row))
      events.push({ type: 'billing.payment_method_updated', ...owner, data: eventOf(row) })
  }
  await appendEvents(platform, tx, events)
}

function isOther(old: SavedCard, row: SavedCard): boolean {
  return (
    old.last4 !== row.last4 ||
    old.expires_month !== row.expires_month ||
    old.expires_year !== row.expires_year ||
    old.is_default !== row.is_default
  )
}

async function upsertCard(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Owner,
  card: Card,
  isDefault: boolean,
): Promise<SavedCard> {
  const shown = {
    brand: card.brand,
    last4: card.last4,
    expires_month: card.expiresMonth,
    expires_year: card.expiresYear,
    is_default: isDefault,
    removed_at: null,
  }
  return await tx
    .insertInto('payment_methods')
    .values({
      id: newId(),
      organization_id: organizationId,
      workspace_id: workspaceId,
      provider_id: card.id,
      created_at: platform.clock.now(),
      ...shown,
    })
    .onConflict((conflict) =>
      conflict
        .column('provider_id')
        .doUpdateSet(shown)
        .where('payment_methods.workspace_id', '=', workspaceId),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** What was charged without the customer by one of them is charged no more. */
async function removeCards(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  gone: readonly SavedCard[],
): Promise<void> {
  if (gone.length === 0) return
  await tx
    .updateTable('payment_methods')
    .set({ removed_at: platform.clock.now(), is_default: false })
    .where(
      'id',
      'in',
      gone.map(({ id }) => id),
    )
    .execute()
  await appendEvents(
    platform,
    tx,
    gone.map((card) => ({ type: 'billing.payment_method_removed', ...owner, data: eventOf(card) })),
  )
  if (gone.some((card) => card.is_default)) await switchOff(platform, tx, owner, 'card_removed')
}

/**
 * Takes a card away from the provider, and then from here.
 * @throws Refusal payment_method_not_found, forbidden.
 */
export async function removeCard(platform: Platform, scope: Scope, id: string): Promise<void> {
  requireWorkspace(scope)
  requireWrite(scope)
  const card = isId(id)
    ? await kept(platform.db, scope.workspaceId).where('id', '=', id).executeTakeFirst()
    : undefined
  if (!card) throw new Refusal('payment_method_not_found')
  const online = onlinePayments(platform)
  try {
    await online.detachCard(card.provider_id)
  } catch (error) {
    // It is not there, or is nobody's any more.
    if (!(error instanceof PaymentFailure && error.isFinal)) throw error
  }
}

/** Marks a card as removed that the provider does not keep any more. */
export async function forgetCard(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const rows = await kept(tx, scope.workspaceId).where('id', '=', id).forUpdate().execute()
  await removeCards(platform, tx, scope, rows)
  // The provider may have another one that becomes the default.
  if (rows.length > 0) await addSyncCardsJob(tx, scope.workspaceId)
}

/** The workspace of a card that is known here. */
export async function workspaceOfCard(db: Db, providerId: string): Promise<string | null> {
  const { rows } = await sql<{ workspace_id: string }>`
    select workspace_id from payment_methods where provider_id = ${providerId}`.execute(db)
  return rows[0]?.workspace_id ?? null
}

function eventOf({ id, brand, last4 }: SavedCard): CardEvent {
  return { payment_method_id: id, brand, last4 }
}
