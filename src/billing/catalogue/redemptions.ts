/** Redeeming coupons: once for each workspace, and never more often in all than the coupon may be. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { credit } from '../credits.ts'
import { lockPayer, type Payer } from '../payers.ts'
import { periodAfter } from '../periods.ts'
import type { CouponRedemptionsTable } from '../tables.ts'
import { type Coupon, normalCode } from './coupons.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.coupon_redeemed': { coupon_id: string; code: string; ends_at: string | null }
  }
}

export type Redemption = Pick<Selectable<CouponRedemptionsTable>, 'redeemed_at' | 'ends_at'> & {
  coupon: Coupon
}

/**
 * Redeems a code: a share is off what is bought from now on, an amount is in the wallet at once.
 * @returns the redemption, and the payer as it then is.
 * @throws Refusal coupon_not_found, coupon_ended, coupon_used_up, coupon_redeemed, coupon_currency_differs, forbidden.
 */
export async function redeemCoupon(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  code: string,
): Promise<{ redemption: Redemption; payer: Payer }> {
  requireWrite(scope)
  requireWorkspace(scope)
  const payer = await lockPayer(platform, tx, scope, [])
  const coupon = await lockByCode(tx, code)
  const now = platform.clock.now()
  if (coupon === null || coupon.valid_from > now) throw new Refusal('coupon_not_found')
  if (await isRedeemed(tx, scope, coupon.id)) throw new Refusal('coupon_redeemed')
  if (coupon.valid_until !== null && coupon.valid_until <= now) throw new Refusal('coupon_ended')
  if (coupon.redemptions_max !== null && coupon.redemptions >= coupon.redemptions_max)
    throw new Refusal('coupon_used_up')
  if (coupon.currency !== null && coupon.currency !== payer.wallet.currency)
    throw new Refusal('coupon_currency_differs', `The wallet is in ${payer.wallet.currency}.`)
  const endsAt = coupon.months === null ? null : monthsAfter(now, coupon.months)
  await write(tx, scope, coupon, { redeemed_at: now, ends_at: endsAt })
  if (coupon.amount !== null) {
    await credit(platform, tx, {
      payer,
      kind: 'promotion',
      amount: coupon.amount,
      from: 'promotions',
      key: `coupon:${coupon.id}`,
      cause: 'coupon',
      causeId: coupon.id,
      description: `Coupon ${coupon.code}`,
    })
  }
  const { organizationId, workspaceId } = scope
  const data = { coupon_id: coupon.id, code: coupon.code, ends_at: endsAt?.toISOString() ?? null }
  await appendEvents(platform, tx, [{ type: 'billing.coupon_redeemed', organizationId, workspaceId, data }])
  return { redemption: { coupon, redeemed_at: now, ends_at: endsAt }, payer }
}

/** Those of the workspace, with what they are. */
export async function listRedemptions(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<Redemption & { id: string }>> {
  requireWorkspace(scope)
  const { rows } = await sql<Coupon & { redeemed_at: Date; ends_at: Date | null }>`
    select coupons.*, redeemed_at, ends_at
    from coupon_redemptions join coupons on coupons.id = coupon_id
    where workspace_id = ${scope.workspaceId}::uuid
      and (${page.after}::uuid is null or coupon_id > ${page.after}::uuid)
    order by coupon_id limit ${page.limit + 1}`.execute(platform.db)
  const redemptions = rows.map(({ redeemed_at, ends_at, ...coupon }) => {
    return { id: coupon.id, coupon, redeemed_at, ends_at }
  })
  return toPage(redemptions, page)
}

/** Whoever redeems it at the same moment waits. */
async function lockByCode(tx: Tx, code: string): Promise<Coupon | null> {
  const coupon = await tx
    .selectFrom('coupons')
    .selectAll()
    .where('code', '=', normalCode(code))
    .forUpdate()
    .executeTakeFirst()
  return coupon ?? null
}

async function isRedeemed(tx: Tx, { workspaceId }: Scope, couponId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('coupon_redemptions')
    .select('coupon_id')
    .where('workspace_id', '=', workspaceId)
    .where('coupon_id', '=', couponId)
    .executeTakeFirst()
  return row !== undefined
}

async function write(
  tx: Tx,
  { workspaceId }: Scope,
  coupon: Coupon,
  times: { redeemed_at: Date; ends_at: Date | null },
): Promise<void> {
  await tx
    .insertInto('coupon_redemptions')
    .values({ workspace_id: workspaceId, coupon_id: coupon.id, ...times })
    .execute()
  await tx
    .updateTable('coupons')
    .set({ redemptions: sql`redemptions + 1` })
    .where('id', '=', coupon.id)
    .execute()
}

/** Calendar months, as periods count them. */
function monthsAfter(from: Date, months: number): Date {
  let end = from
  for (let month = 0; month < months; month++) end = periodAfter(from, 'monthly', end)
  return end
}
