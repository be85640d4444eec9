/** What a tenant has by billing: a wallet, an invoice, a plan, prices, coupons, a top-up and a card. */
import { numberInvoices } from '../billing/invoices/numbers.ts'
import { openWallets } from '../billing/payers.ts'
import { insertTopUp } from '../billing/payments/top-ups.ts'
import { addDuration } from '../platform/clock.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { made, type Name } from './tenant-made.ts'
import { type TestApi, textAt } from './test-api.ts'
import { writeInvoice } from './test-invoices.ts'

/** Makes them. */
export async function billingOf(api: TestApi, named: Name): Promise<void> {
  await sold(api, named)
  await billed(api, named)
  await paying(api, named)
}

/** An invoice with a number. */
async function billed(api: TestApi, named: Name): Promise<void> {
  const invoiceId = await writeInvoice(api.platform, api.scope, [{ unitAmount: 100 }])
  await numberInvoices(api.platform)
  const number = textAt(await made(api, 'GET', `/v1/invoices/${invoiceId}`), 'number')
  named('/v1/invoices/{invoice}', invoiceId, { foreign: number, unknown: 'INV-999999' })
}

/** What it sells, to itself too. */
async function sold(api: TestApi, named: Name): Promise<void> {
  const { workspaceId } = api.scope
  named('/v1/wallets/{workspace}', workspaceId)
  const plan = await made(api, 'POST', '/v1/plans', { code: 'first-plan', name: 'First', slots: 1 })
  named('/v1/plans/{plan}', textAt(plan, 'id'), { foreign: 'first-plan', unknown: 'no-plan' })
  named('/v1/subscriptions/{subscription}', await subscriptionTo(api, textAt(plan, 'id')))
  const special = { item: 'domain_renew', tld: 'first', unit_amount: 1, workspace_id: workspaceId }
  named('/v1/prices/{price}', textAt(await made(api, 'POST', '/v1/prices', special), 'id'))
  const coupon = { code: 'FIRST-COUPON', amount: 1, currency: 'USD' }
  named('/v1/coupons/{coupon}', textAt(await made(api, 'POST', '/v1/coupons', coupon), 'id'))
  await made(api, 'POST', '/v1/wallet/coupons', { code: 'FIRST-COUPON' })
  await made(api, 'PUT', '/v1/billing-details', { name: 'First Person' })
}

/** As from the time when billing was on. */
async function subscriptionTo({ platform, scope }: TestApi, planId: string): Promise<string> {
  const now = platform.clock.now()
  const { id } = await platform.db
    .insertInto('subscriptions')
    .values({
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      plan_id: planId,
      extra_slots: 0,
      state: 'active',
      period: 'yearly',
      period_anchor_at: now,
      period_started_at: now,
      period_ends_at: addDuration(now, 'P1Y'),
      cancel_at_period_end: false,
      version: 1,
      created_at: now,
      updated_at: now,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** A top-up and a card, made past the API, which would ask the payment provider. */
async function paying({ platform, scope }: TestApi, named: Name): Promise<void> {
  const { organizationId: organization_id, workspaceId: workspace_id } = scope
  const card = {
    id: newId(),
    organization_id,
    workspace_id,
    provider_id: 'pm_of_the_first',
    is_default: true,
  }
  const topUp = await transaction(platform.db, async (tx) => {
    await openWallets(platform, tx, [scope])
    await tx
      .insertInto('payment_methods')
      .values({
        ...card,
        brand: 'visa',
        last4: '4242',
        expires_month: 12,
        expires_year: 2034,
        created_at: platform.clock.now(),
        removed_at: null,
      })
      .execute()
    return await insertTopUp(platform, tx, scope, {
      amount: 1000,
      currency: 'USD',
      method: 'saved',
      reason: 'manual',
      cardId: card.provider_id,
      returnUrl: 'https://shop.example/',
      actor: null,
    })
  })
  named('/v1/wallet/top-ups/{top_up}', topUp.id)
  named('/v1/wallet/payment-methods/{payment_method}', card.id)
}
