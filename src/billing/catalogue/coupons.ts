/** Coupons: codes that the operator gives out, each a share off what is bought, or an amount for the wallet. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { type Db, type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { randomBytes } from '../../platform/random.ts'
import type { CouponsTable, Item } from '../tables.ts'

declare module '../../platform/events.ts' {
  interface EventTypes {
    'billing.coupon_changed': { coupon_id: string; change: 'created' | 'updated' | 'ended' | 'deleted' }
  }
}

export type Coupon = Selectable<CouponsTable>

/** Either a share, or an amount with its currency. */
export type NewCoupon = {
  /** null: one is made. */
  code: string | null
  percentBasisPoints: number | null
  amount: number | null
  currency: string | null
  items: Item[] | null
  months: number | null
  redemptionsMax: number | null
  /** null: now. */
  validFrom: Date | null
  validUntil: Date | null
}

const couponsMax = 20_000

/** @throws Refusal invalid_request, coupon_code_taken, coupon_limit_reached. */
export async function createCoupon(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewCoupon,
): Promise<Coupon> {
  checkKind(wanted)
  const now = platform.clock.now()
  const validFrom = wanted.validFrom ?? now
  requireEndAfter(validFrom, wanted.validUntil)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from coupons`.execute(tx)
  if ((rows[0]?.count ?? 0) >= couponsMax) throw new Refusal('coupon_limit_reached')
  const coupon = await tx
    .insertInto('coupons')
    .values({
      id: newId(),
      code: wanted.code === null ? newCode() : normalCode(wanted.code),
      kind: wanted.amount === null ? 'percent' : 'amount',
      percent_basis_points: wanted.percentBasisPoints,
      amount: wanted.amount,
      currency: wanted.currency,
      items: wanted.items,
      months: wanted.months,
      redemptions_max: wanted.redemptionsMax,
      valid_from: validFrom,
      valid_until: wanted.validUntil,
      created_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) !== 'coupons_code_key') throw error
      throw new Refusal('coupon_code_taken', undefined, { cause: error })
    })
  await tell(platform, tx, scope, coupon.id, 'created')
  return coupon
}

export type CouponChanges = { validUntil?: Date | null; redemptionsMax?: number | null }

/** Who has redeemed it keeps what he has. @throws Refusal coupon_not_found, invalid_request. */
export async function updateCoupon(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  { validUntil, redemptionsMax }: CouponChanges,
): Promise<Coupon> {
  const before = await lockCoupon(tx, id)
  if (validUntil !== undefined) requireEndAfter(before.valid_from, validUntil)
  if (typeof redemptionsMax === 'number' && redemptionsMax < before.redemptions)
    throw wrong('redemptions_max', `is below the ${before.redemptions} that there are`)
  const coupon = await tx
    .updateTable('coupons')
    .set({
      valid_until: validUntil === undefined ? before.valid_until : validUntil,
      redemptions_max: redemptionsMax === undefined ? before.redemptions_max : redemptionsMax,
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tell(platform, tx, scope, coupon.id, 'updated')
  return coupon
}

/** Removes one that nobody has redeemed; any other ends now. @throws Refusal coupon_not_found. */
export async function deleteCoupon(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const coupon = await lockCoupon(tx, id)
  if (coupon.redemptions === 0) {
    await tx.deleteFrom('coupons').where('id', '=', coupon.id).execute()
    return await tell(platform, tx, scope, coupon.id, 'deleted')
  }
  const now = platform.clock.now()
  if (coupon.valid_until !== null && coupon.valid_until <= now) return
  await tx.updateTable('coupons').set({ valid_until: now }).where('id', '=', coupon.id).execute()
  await tell(platform, tx, scope, coupon.id, 'ended')
}

/** @throws Refusal coupon_not_found. */
export async function requireCoupon(db: Db, id: string): Promise<Coupon> {
  const coupon = isId(id)
    ? await db.selectFrom('coupons').selectAll().where('id', '=', id).executeTakeFirst()
    : undefined
  if (!coupon) throw new Refusal('coupon_not_found')
  return coupon
}

export async function listCoupons(platform: Platform, page: PageRequest): Promise<Page<Coupon>> {
  const rows = await platform.db
    .selectFrom('coupons')
    .selectAll()
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** Codes are the same in letters of either case. */
export function normalCode(code: string): string {
  return code.trim().toUpperCase()
}

async function lockCoupon(tx: Tx, id: string): Promise<Coupon> {
  const coupon = isId(id)
    ? await tx.selectFrom('coupons').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
    : undefined
  if (!coupon) throw new Refusal('coupon_not_found')
  return coupon
}

// Without those that look like each other; 32 of them, so that each byte has its five bits.
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const codeLength = 16 // 80 bits

function newCode(): string {
  return Array.from(randomBytes(codeLength), (byte) => letters.charAt(byte % letters.length)).join('')
}

function checkKind({ percentBasisPoints, amount, currency, items, months }: NewCoupon): void {
  if ((percentBasisPoints === null) === (amount === null))
    throw wrong('amount', 'is needed, or percent_basis_points, and not both')
  if ((amount === null) !== (currency === null)) throw wrong('currency', 'belongs to an amount')
  if (amount !== null && items !== null) throw wrong('items', 'is not of an amount')
  if (amount !== null && months !== null) throw wrong('months', 'is not of an amount')
}

function requireEndAfter(from: Date, until: Date | null): void {
  if (until !== null && until <= from) throw wrong('valid_until', 'is not after the coupon begins')
}

function wrong(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}

async function tell(
  platform: Platform,
  tx: Tx,
  { organizationId }: Scope,
  coupon_id: string,
  change: 'created' | 'updated' | 'ended' | 'deleted',
): Promise<void> {
  const data = { coupon_id, change }
  await appendEvents(platform, tx, [
    { type: 'billing.coupon_changed', organizationId, workspaceId: null, data },
  ])
}
