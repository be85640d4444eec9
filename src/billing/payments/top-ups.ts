/** Top-ups as rows: asked for, found, listed, and moved from state to state with their events. */
import { type Selectable, sql, type Updateable } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { lockPayer } from '../payers.ts'
import { defaultCard } from './cards.ts'
import { onlinePayments } from './providers.ts'
import { returnAddress } from './return-address.ts'
import type { TopUpState, TopUpsTable } from './tables.ts'

export type TopUp = Selectable<TopUpsTable>

type TopUpEvent = {
  top_up_id: string
  amount: number
  currency: string
  method: TopUp['method']
  reason: TopUp['reason']
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.top_up_created': TopUpEvent
    'billing.top_up_processing': TopUpEvent
    'billing.top_up_needs_customer': TopUpEvent
    /** `amount`: what came. */
    'billing.topped_up': TopUpEvent & { balance: number }
    'billing.top_up_failed': TopUpEvent & { failure_code: string; decline_code: string | null }
    'billing.top_up_expired': TopUpEvent
  }
}

/** How long a payment page is open. The provider takes no less than half an hour. */
export const checkoutMinutes = 60

const openMax = 20
const firstCheckMinutes = 5
const minuteMs = 60_000

export type WantedTopUp = {
  amount: number
  /** Null: the wallet's. */
  currency: string | null
  method: TopUp['method']
  returnUrl: string | null
}

/**
 * Writes down that a workspace wants to top up. What the provider is asked for comes after the commit (advance.ts).
 * @throws Refusal payments_manual, top_up_invalid, top_up_limit_reached, payment_method_missing, forbidden.
 */
export async function createTopUp(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: WantedTopUp,
): Promise<TopUp> {
  requireWorkspace(scope)
  requireWrite(scope)
  const online = onlinePayments(platform)
  const { wallet } = await lockPayer(platform, tx, scope, [])
  const { amount, currency = wallet.currency } = wanted
  if ((currency ?? wallet.currency) !== wallet.currency) {
    throw new Refusal('top_up_invalid', `The wallet is in ${wallet.currency}.`)
  }
  online.checkAmount({ amount, currency: wallet.currency })
  const { rows } = await sql<{ open: number }>`select count(*)::int as open from top_ups
    where workspace_id = ${scope.workspaceId}::uuid and ended_at is null`.execute(tx)
  if ((rows[0]?.open ?? 0) >= openMax) throw new Refusal('top_up_limit_reached')
  const card = wanted.method === 'saved' ? await defaultCard(tx, scope.workspaceId) : null
  if (wanted.method === 'saved' && card === null) throw new Refusal('payment_method_missing')
  return await insertTopUp(platform, tx, scope, {
    amount,
    currency: wallet.currency,
    method: wanted.method,
    reason: 'manual',
    cardId: card?.provider_id ?? null,
    returnUrl: returnAddress(platform, wanted.returnUrl),
    actor: scope.actor,
  })
}

type NewTopUp = {
  amount: number
  currency: string
  method: TopUp['method']
  reason: TopUp['reason']
  cardId: string | null
  returnUrl: string
  actor: string | null
}

export async function insertTopUp(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Pick<Scope, 'organizationId' | 'workspaceId'>,
  wanted: NewTopUp,
): Promise<TopUp> {
  const now = platform.clock.now()
  const { amount, currency, method, reason, cardId, returnUrl, actor } = wanted
  const topUp = await tx
    .insertInto('top_ups')
    .values({
      id: newId(),
      organization_id: organizationId,
      workspace_id: workspaceId,
      provider: 'stripe',
      method,
      reason,
      state: 'pending',
      amount,
      currency,
      customer_id: null,
      card_id: cardId,
      return_url: returnUrl,
      session_id: null,
      session_url: null,
      session_expires_at: method === 'checkout' ? new Date(now.getTime() + checkoutMinutes * minuteMs) : null,
      payment_intent_id: null,
      received_amount: null,
      failure_code: null,
      decline_code: null,
      actor,
      next_check_at: new Date(now.getTime() + firstCheckMinutes * minuteMs),
      created_at: now,
      updated_at: now,
      ended_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    { type: 'billing.top_up_created', ...ownerOf(topUp), data: eventOf(topUp) },
  ])
  return topUp
}

/** The workspace's top-ups, the newest first. */
export async function listTopUps(
  platform: Platform,
  scope: Scope,
  state: TopUpState | null,
  page: PageRequest,
): Promise<Page<TopUp>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${state}`))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id < ${page.after}::uuid`))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal top_up_not_found, forbidden. */
export async function getTopUp(db: Db, scope: Scope, id: string): Promise<TopUp> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('top_up_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db.selectFrom('top_ups').selectAll().where('workspace_id', '=', scope.workspaceId)
}

/** Of any workspace: for the program's own work and for operators. @throws Refusal top_up_not_found. */
export async function findTopUp(db: Db, id: string): Promise<TopUp> {
  const found = isId(id)
    ? await db.selectFrom('top_ups').selectAll().where('id', '=', id).executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('top_up_not_found')
  return found
}

/** Until the transaction ends. Wallets are locked after it. */
export async function lockTopUp(tx: Tx, id: string): Promise<TopUp> {
  return await tx
    .selectFrom('top_ups')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()
}

/** @returns the row as it is then. */
export async function writeTopUp(
  platform: Platform,
  tx: Tx,
  id: string,
  values: Updateable<TopUpsTable>,
): Promise<TopUp> {
  return await tx
    .updateTable('top_ups')
    .set({ ...values, updated_at: platform.clock.now() })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

export function ownerOf(row: { organization_id: string; workspace_id: string }) {
  return { organizationId: row.organization_id, workspaceId: row.workspace_id }
}

export function eventOf({ id, amount, currency, method, reason }: TopUp): TopUpEvent {
  return { top_up_id: id, amount, currency, method, reason }
}
